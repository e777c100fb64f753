/* A Python interpreter as small as can be: it is linked with a libpython, shared or static. */
int Py_BytesMain(int argc, char **argv);

int main(int argc, char **argv) { return Py_BytesMain(argc, argv); }
