# Installs the build into WORK/prefix, builds the project of this folder against it, and runs it with MODEL.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(failed)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${text}")
  endif()
endfunction()
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
# The program of the tutorial is built and run beside it, as it stands on the page.
file(READ ${CMAKE_CURRENT_LIST_DIR}/../../docs/tutorial/optimize.md page)
string(REGEX MATCH "```cpp\n([^`]*)```" found "${page}")
file(WRITE ${WORK}/tutorial.cpp "${CMAKE_MATCH_1}")
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build -G Ninja -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${COMPILER} "-DCMAKE_CXX_FLAGS=${FLAGS}" -DTUTORIAL=${WORK}/tutorial.cpp -DCMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/build/outside ${MODEL})
run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/build/tutorial ${MODEL})
# The example in C++ against the same folder.
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/../../examples/08_run_cpp -B ${WORK}/example -G Ninja -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${COMPILER} "-DCMAKE_CXX_FLAGS=${FLAGS}" -DCMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/example)
run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/example/example ${MODEL})
# Training in C++, to 98% of the images that it never saw.
set(train ${CMAKE_CURRENT_LIST_DIR}/../../examples/05_cpp)
run(${CMAKE_COMMAND} -S ${train} -B ${WORK}/train -G Ninja -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${COMPILER} "-DCMAKE_CXX_FLAGS=${FLAGS}" -DCMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/train)
run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/train/train ${train}/digits.safetensors)
# The installed folder works from wherever it is moved to, and has no need of the build tree.
if(EXISTS ${WORK}/prefix/bin/neve)
  file(RENAME ${WORK}/prefix ${WORK}/moved)
  run(${WORK}/moved/bin/neve --version)
endif()
