/*
 * handler.c - the SQL function behind a route: what it takes, what it gives, and its call.
 *
 * The function is called by the function manager, without any SQL. A definer function, a SET clause and the rest of
 * its declaration work as in SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "http/handler.h"
#include "whalefall.h"

static void
unsuitable(Form_pg_proc proc, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("function \"%s\" cannot be an operation: %s", NameStr(proc->proname), why)));
}

static Oid
file_answer_type(void)
{
	Oid schema = get_namespace_oid(WF_SCHEMA_API, true);

	if (!OidIsValid(schema))
		return InvalidOid;
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("file_answer"),
						   ObjectIdGetDatum(schema));
}

static WfResultKind
kind_of(Form_pg_proc proc)
{
	if (proc->proretset || proc->prokind != PROKIND_FUNCTION)
		unsuitable(proc, "it does not give one value");
	switch (proc->prorettype)
	{
		case VOIDOID:
			return WF_RESULT_NONE;
		case JSONOID:
			return WF_RESULT_JSON;
		case JSONBOID:
			return WF_RESULT_JSONB;
		case TEXTOID:
			return WF_RESULT_TEXT;
		default:
			if (proc->prorettype != file_answer_type())
				unsuitable(proc, "it gives neither json, text nor whalefall_api.file_answer");
			return WF_RESULT_FILE;
	}
}

/* The defaults of the last arguments, evaluated once: they must be constants. */
static void
read_defaults(HeapTuple tuple, Form_pg_proc proc, WfFunction *function, MemoryContext context)
{
	bool null;
	Datum tree = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &null);
	List *defaults = null ? NIL : castNode(List, stringToNode(TextDatumGetCString(tree)));
	int at = function->nargs - list_length(defaults);
	ListCell *cell;

	foreach (cell, defaults)
	{
		Node *value = eval_const_expressions(NULL, lfirst(cell));
		WfFunctionArg *arg = &function->args[at++];
		Const *constant = (Const *) value;
		int16 length;
		bool by_value;

		if (!IsA(value, Const))
			unsuitable(proc, "a default is no constant");
		get_typlenbyval(arg->type, &length, &by_value);
		arg->has_default = true;
		arg->default_null = constant->constisnull;
		if (!constant->constisnull)
		{
			MemoryContext caller = MemoryContextSwitchTo(context);

			arg->default_value = datumCopy(constant->constvalue, by_value, length);
			MemoryContextSwitchTo(caller);
		}
	}
}

static void
read_arguments(HeapTuple tuple, Form_pg_proc proc, WfFunction *function, MemoryContext context)
{
	Oid *types;
	char **names;
	char *modes;
	int n = get_func_arg_info(tuple, &types, &names, &modes);

	if (n != proc->pronargs || OidIsValid(proc->provariadic))
		unsuitable(proc, "it has output or variadic arguments");
	function->nargs = n;
	function->clear = -1;
	for (int i = 0; i < n; i++)
	{
		WfFunctionArg *arg = &function->args[i];

		if (names == NULL || names[i][0] == '\0')
			unsuitable(proc, "an argument has no name");
		if (!wf_args_type_is_known(types[i]))
			unsuitable(proc, "an argument has a type that cannot be bound");
		arg->name = MemoryContextStrdup(context, names[i]);
		arg->type = types[i];
		if (types[i] == TEXTARRAYOID && strcmp(names[i], "clear") == 0)
			function->clear = i;
	}
	read_defaults(tuple, proc, function, context);
	wf_args_mark_clearable(function);
}

/* A copy without the room for arguments that the function does not have. */
static const WfFunction *
keep_function(const WfFunction *function, MemoryContext context)
{
	Size size = offsetof(WfFunction, args) + function->nargs * sizeof(WfFunctionArg);

	return memcpy(MemoryContextAlloc(context, size), function, size);
}

WfHandler *
wf_handler_describe(Oid function, MemoryContext parent)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	WfFunction described = {.oid = function};
	/* Below the request's memory until it is complete: an error on the way frees it. */
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "whalefall operation", ALLOCSET_SMALL_SIZES);
	WfHandler *handler = MemoryContextAllocZero(context, sizeof(WfHandler));
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "function %u has gone", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	handler->kind = kind_of(proc);
	handler->keep = proc->prolang == ClanguageId;
	read_arguments(tuple, proc, &described, context);
	handler->function = keep_function(&described, context);
	fmgr_info_cxt(function, &handler->call, context);
	ReleaseSysCache(tuple);
	MemoryContextSetParent(context, parent);
	return handler;
}

static bool
may_skip(const FmgrInfo *call, const WfBound *bound)
{
	if (!call->fn_strict)
		return false;
	for (int i = 0; i < call->fn_nargs; i++)
		if (bound->nulls[i])
			return true;
	return false;
}

WfResult
wf_handler_call(WfHandler *handler, WfBound *bound)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	WfResult result = {.kind = handler->kind, .null = true};
	FmgrInfo *call = &handler->call;

	if (!handler->keep)
	{
		/* Other languages keep state of a transaction in it. */
		call = palloc(sizeof(FmgrInfo));
		fmgr_info(handler->function->oid, call);
	}
	if (may_skip(call, bound))
		return result;
	InitFunctionCallInfoData(*fcinfo, call, handler->function->nargs, DEFAULT_COLLATION_OID, NULL,
							 NULL);
	for (int i = 0; i < handler->function->nargs; i++)
	{
		fcinfo->args[i].value = bound->values[i];
		fcinfo->args[i].isnull = bound->nulls[i];
	}
	result.value = FunctionCallInvoke(fcinfo);
	result.null = fcinfo->isnull || handler->kind == WF_RESULT_NONE;
	return result;
}
