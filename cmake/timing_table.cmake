# Writes a C++ source with the text of a table: cmake -DTABLE=... -DSOURCE=... -P timing_table.cmake
file(READ ${TABLE} text)
file(WRITE ${SOURCE} "namespace mint {
extern const char* const kNehalemTable;
const char* const kNehalemTable = R\"TABLE(${text})TABLE\";
}  // namespace mint
")
