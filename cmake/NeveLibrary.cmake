# libneve.so holds every layer but src/loop/llvm; that is libneve_loop.so, which libneve.so opens when something must be compiled.
get_property(layers GLOBAL PROPERTY NEVE_LAYERS)
set(objects "")
foreach(layer ${layers})
  list(APPEND objects $<TARGET_OBJECTS:${layer}>)
endforeach()
add_library(neve SHARED ${objects})
add_library(neve::neve ALIAS neve)
set_target_properties(neve PROPERTIES INSTALL_RPATH "$ORIGIN")
target_include_directories(neve INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_compile_features(neve INTERFACE cxx_std_20)
target_link_libraries(neve PRIVATE DNNL::dnnl ${NEVE_LIBZIP} fmt::fmt spdlog::spdlog ZLIB::ZLIB Threads::Threads ${CMAKE_DL_LIBS} protobuf::libprotobuf-lite)
if(NEVE_THREADS STREQUAL "openmp")
  target_link_options(neve PRIVATE -fopenmp)
  # Of two libraries that do not need each other the one that is named later is initialised first: libgomp finds its
  # settings.
  add_library(neve_wait SHARED ${PROJECT_SOURCE_DIR}/src/base/openmp/wait.cpp)
  target_link_libraries(neve_wait PRIVATE neve_flags)
  target_link_options(neve_wait PRIVATE -Wl,--as-needed)
  target_link_libraries(neve PRIVATE gomp neve_wait)
endif()
# Foreign static code stays inside: by archive, and by name for what its headers instantiate in our files.
target_link_options(neve PRIVATE -Wl,--as-needed -Wl,--exclude-libs,ALL
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/neve.map)
set_property(TARGET neve APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/neve.map)

if(NOT NEVE_SANITIZE)  # a sanitizer's run-time comes with the program
  target_link_options(neve PRIVATE -Wl,-z,defs)
endif()

# oneDNN's library beside ours, so that $ORIGIN finds it in the build tree as in an installed one.
add_custom_command(OUTPUT ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/dnnl.stamp
  COMMAND ${CMAKE_COMMAND} -DFROM=$<TARGET_FILE:DNNL::dnnl> -DTO=${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/$<TARGET_SONAME_FILE_NAME:DNNL::dnnl>
          -P ${PROJECT_SOURCE_DIR}/cmake/link_file.cmake
  COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/dnnl.stamp
  DEPENDS $<TARGET_FILE:DNNL::dnnl> VERBATIM COMMENT "oneDNN beside libneve.so")
add_custom_target(neve_dnnl ALL DEPENDS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/dnnl.stamp)
add_dependencies(neve neve_dnnl)

file(GLOB_RECURSE loop_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/loop/llvm/*.cpp)
set(NEVE_LOOP OFF)
if(NEVE_LLVM AND loop_files)
  set(NEVE_LOOP ON)
  llvm_map_components_to_libnames(llvm_libs orcjit native X86 passes)
  # Cached loop code belongs to the sources that made it: their digest is part of its key.
  file(GLOB_RECURSE generator_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/loop/*.h ${PROJECT_SOURCE_DIR}/src/loop/*.cpp
    ${PROJECT_SOURCE_DIR}/src/plan/loop_nest* ${PROJECT_SOURCE_DIR}/src/op/scalar*)
  list(JOIN generator_files "," generator_list)
  add_custom_command(OUTPUT ${NEVE_GENERATED}/generator_digest.cpp
    COMMAND ${CMAKE_COMMAND} -DFILES=${generator_list} -DOUT=${NEVE_GENERATED}/generator_digest.cpp -P ${PROJECT_SOURCE_DIR}/cmake/digest_files.cmake
    DEPENDS ${generator_files} ${PROJECT_SOURCE_DIR}/cmake/digest_files.cmake VERBATIM COMMENT "digest of the code generator")
  add_library(neve_loop_llvm SHARED ${loop_files} ${NEVE_GENERATED}/generator_digest.cpp)
  set_target_properties(neve_loop_llvm PROPERTIES OUTPUT_NAME neve_loop INSTALL_RPATH "$ORIGIN")
  separate_arguments(llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  target_compile_definitions(neve_loop_llvm PRIVATE ${llvm_definitions})
  target_include_directories(neve_loop_llvm SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
  target_link_libraries(neve_loop_llvm PRIVATE neve_flags neve ${llvm_libs})
  target_link_options(neve_loop_llvm PRIVATE -Wl,--as-needed -Wl,--exclude-libs,ALL -Wl,--gc-sections
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/neve.map)
  set_property(TARGET neve_loop_llvm APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/neve.map)
  if(NOT NEVE_SANITIZE)
    target_link_options(neve_loop_llvm PRIVATE -s)
  endif()
endif()

# What programs inside the project (command, tools, tests, Python module) link: the library and its internal headers.
add_library(neve_internal INTERFACE)
target_link_libraries(neve_internal INTERFACE neve neve_flags)
if(NEVE_LOOP)
  add_custom_target(neve_all_libraries DEPENDS neve neve_loop_llvm)
else()
  add_custom_target(neve_all_libraries DEPENDS neve)
endif()
