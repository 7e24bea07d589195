# Files that are part of a program.

# unblock_embed(TARGET NAMESPACE ns FILES page.css ...)
#   Gives the target a source file with the text of each: `const char* const ns::css_source`, named after the
#   file's extension. They are read anew when they change.
function(unblock_embed target)
  cmake_parse_arguments(arg "" "NAMESPACE" "FILES" ${ARGN})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${target}_sources.cpp)
  set(script ${PROJECT_SOURCE_DIR}/cmake/embed_files.cmake)
  set(inputs ${arg_FILES})
  list(TRANSFORM inputs PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  list(JOIN inputs "|" joined)  # a list would become several arguments
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -D "INPUTS=${joined}" -D OUTPUT=${output} -D NAMESPACE=${arg_NAMESPACE} -P ${script}
    DEPENDS ${inputs} ${script}
    COMMENT "Embedding ${arg_FILES}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
