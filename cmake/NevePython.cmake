# The Python of the build: scikit-build-core's, or build/venv (made by ./dev setup), or the one that is found.
set(NEVE_VENV ${PROJECT_SOURCE_DIR}/build/venv CACHE PATH "Virtual environment with the build's Python packages")
if(NOT Python_EXECUTABLE AND EXISTS ${NEVE_VENV}/bin/python)
  set(Python_EXECUTABLE ${NEVE_VENV}/bin/python)
endif()
set(neve_python_parts Interpreter)
if(NEVE_PYTHON)
  list(APPEND neve_python_parts Development.Module)
endif()
find_package(Python 3.9 REQUIRED COMPONENTS ${neve_python_parts})

# neve_python_file(<result> <distribution> <file name>): the path of a file that a Python distribution installed, or empty.
function(neve_python_file result distribution name)
  execute_process(
    COMMAND ${Python_EXECUTABLE} -c "
import importlib.metadata, sys
try:
    files = importlib.metadata.distribution(sys.argv[1]).files or []
except importlib.metadata.PackageNotFoundError:
    files = []
print(next((f.locate().resolve() for f in files if f.name == sys.argv[2]), ''), end='')
" ${distribution} ${name}
    OUTPUT_VARIABLE path COMMAND_ERROR_IS_FATAL ANY)
  set(${result} "${path}" PARENT_SCOPE)
endfunction()
