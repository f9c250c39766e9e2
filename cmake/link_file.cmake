# Makes TO a symbolic link to FROM: cmake -DFROM=... -DTO=... -P link_file.cmake
file(REMOVE ${TO})
file(CREATE_LINK ${FROM} ${TO} SYMBOLIC COPY_ON_ERROR)
