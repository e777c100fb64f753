import numpy as np
def make_big_array():
    return np.zeros((1024, 1024, 50))            # 419 430 400
def make_two_arrays():
    arr1 = np.zeros((1024, 1024, 10))            # 83 886 080
    arr2 = np.ones((1024, 1024, 10))             # 83 886 080, inside numpy's ones()
    return arr1, arr2
def main():
    arr1, arr2 = make_two_arrays()
    another_arr = make_big_array()
main()
