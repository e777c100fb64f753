! An allocatable array of Fortran.
module native
    use iso_c_binding
    real(c_double), allocatable :: grid(:, :)
contains
    subroutine allocate_grid(rows, columns) bind(c)
        integer(c_int), value :: rows, columns
        allocate (grid(rows, columns))
    end subroutine
end module
