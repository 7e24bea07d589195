# cmake -D INPUTS=a.css|b.js -D OUTPUT=file.cpp -D NAMESPACE=ns -P embed_files.cmake: see Embed.cmake.

set(code "// Made by cmake/embed_files.cmake; the files are in the source tree.\nnamespace ${NAMESPACE} {\n")
string(REPLACE "|" ";" inputs "${INPUTS}")
foreach(input IN LISTS inputs)
  file(READ "${input}" text)
  string(FIND "${text}" ")embedded\"" end)
  if(NOT end EQUAL -1)
    message(FATAL_ERROR "${input} contains what would end its string: )embedded\"")
  endif()
  get_filename_component(kind "${input}" LAST_EXT)
  string(SUBSTRING "${kind}" 1 -1 kind)
  string(APPEND code "extern const char* const ${kind}_source;\n"
                     "const char* const ${kind}_source = R\"embedded(${text})embedded\";\n")
endforeach()
string(APPEND code "}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${code}")
