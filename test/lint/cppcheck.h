/*
 * cppcheck.h - PostgreSQL's macros as cppcheck needs to see them.
 *
 * cppcheck does not read the server's headers (that takes a hundred times longer and finds
 * faults in them); these stand-ins keep the control flow that it must understand.
 */
#define PG_MODULE_MAGIC
#define PG_FUNCTION_INFO_V1(name)
#define PGDLLEXPORT
#define PGDLLIMPORT
#define PG_FUNCTION_ARGS FunctionCallInfo fcinfo
#define WF_FUNCTION(name) extern Datum name(FunctionCallInfo fcinfo)
#define FLEXIBLE_ARRAY_MEMBER
#define pg_attribute_printf(f, a)
#define pg_attribute_noreturn()
#define pg_attribute_unused()
#define PG_USED_FOR_ASSERTS_ONLY
#define CppAsString2(x) #x
#define foreach(cell, list) for (cell = list_head(list); cell != NULL; cell = lnext(list, cell))
#define PG_TRY() if (wf_cppcheck_unknown()) {
#define PG_CATCH() } else {
#define PG_FINALLY() } {
#define PG_END_TRY() }
#define PG_ENSURE_ERROR_CLEANUP(f, a) {
#define PG_END_ENSURE_ERROR_CLEANUP(f, a) }
#define ereport(level, rest) wf_cppcheck_ereport(level)
#define elog(level, ...) wf_cppcheck_ereport(level)
extern int wf_cppcheck_unknown(void);
extern void wf_cppcheck_ereport(int level);
