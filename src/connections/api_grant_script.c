/*
 * api_grant_script.c - the operation that says what a monitoring account needs on an engine.
 *
 * A name goes into the script only as quoted by the rules of that engine, so that whatever it holds stays a
 * name; what would mislead the reader of the script is refused.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "base/errors.h"
#include "base/text.h"
#include "connections/grant_text.h"
#include "inventory/validate.h"
#include "whalefall.h"

WF_FUNCTION(wf_connections_grant_script);

/* A name in the forms that a script needs. */
typedef struct QuotedName
{
	char *name;
	char *literal;
	char *inner;
} QuotedName;

/* The script of a word: mariadb, or any name of a database type. */
static const WfGrantText *
find_script(const char *given)
{
	char *word = wf_text_trim(given);
	const WfGrantText *script = wf_grant_texts;

	if (pg_strcasecmp(word, "mariadb") != 0 && wf_text_db_type(word) == NULL)
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("db_type \"%s\" is not known.", wf_text_clip(word, 64)),
				 "Use mysql, mariadb, postgresql, sqlserver or oracle.");
	if (wf_text_db_type(word) != NULL)
		word = pstrdup(wf_text_db_type(word));
	while (script->word != NULL && pg_strcasecmp(script->word, word) != 0)
		script++;
	if (script->word == NULL)
		elog(ERROR, "database type without a script of grants");
	return script;
}

/*
 * Would a character end a line or turn the direction of writing for some reader? C1 controls, separators of
 * lines and paragraphs, marks and overrides of direction. ASCII's controls are refused before.
 */
static bool
misleads(pg_wchar c)
{
	return (c >= 0x80 && c <= 0x9F) || (c >= 0x2028 && c <= 0x202E) ||
		   (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F || c == 0x061C;
}

/* The name, trimmed and fit for the engine. */
static char *
check_name(const WfGrantText *script, const char *given)
{
	char *name = wf_validate_label("username", given, script->max);

	if (GetDatabaseEncoding() == PG_UTF8)
	{
		for (const char *at = name; *at != '\0'; at += pg_mblen(at))
			if (misleads(utf8_to_unicode((const unsigned char *) at)))
				wf_raise(WF_ERR_VALIDATION, "username holds a control character.", NULL);
	}
	/* A longer one would be cut by the server, to the name of another role perhaps. */
	if (strcmp(script->word, "postgresql") == 0 && strlen(name) >= NAMEDATALEN)
		wf_raise(WF_ERR_VALIDATION, "username is longer than 63 bytes.", NULL);
	if (script->forbidden != NULL && strstr(name, script->forbidden) != NULL)
		wf_raise(WF_ERR_VALIDATION, psprintf("username holds %s.", script->forbidden), script->why);
	return name;
}

/* A text between quotes, in which the closing one is doubled. */
static char *
quoted(const char *text, const char *prefix, char begin, char end)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, prefix);
	appendStringInfoChar(&out, begin);
	for (; *text != '\0'; text++)
	{
		if (*text == end)
			appendStringInfoChar(&out, end);
		appendStringInfoChar(&out, *text);
	}
	appendStringInfoChar(&out, end);
	return out.data;
}

/* Oracle folds what is not quoted: a plain name given in small letters means the one in capitals. */
static void
fold_oracle(char *name)
{
	if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$#") !=
			strlen(name) ||
		strspn(name, "0123456789_$#") > 0)
		return;
	for (; *name != '\0'; name++)
		*name = pg_ascii_toupper((unsigned char) *name);
}

/*
 * Quoting by engine. MySQL's backticks know no escape, whatever sql_mode says, so it has no use for literals;
 * PostgreSQL's literal is right with and without standard_conforming_strings.
 */
static void
quote_name(const WfGrantText *script, char *name, QuotedName *forms)
{
	memset(forms, 0, sizeof(*forms));
	if (strcmp(script->word, "mysql") == 0 || strcmp(script->word, "mariadb") == 0)
		forms->name = quoted(name, "", '`', '`');
	else if (strcmp(script->word, "sqlserver") == 0)
	{
		char *inner;

		forms->name = quoted(name, "", '[', ']');
		forms->literal = quoted(name, "N", '\'', '\'');
		inner = quoted(forms->name, "", '\'', '\'');
		forms->inner = pnstrdup(inner + 1, strlen(inner) - 2);
	}
	else
	{
		if (strcmp(script->word, "oracle") == 0)
			fold_oracle(name);
		forms->name = quoted(name, "", '"', '"');
		forms->literal = quote_literal_cstr(name);
	}
}

/* The script with its marks replaced. What is put in is not looked at again. */
static char *
fill(const char *text, const QuotedName *forms)
{
	const struct
	{
		const char *mark;
		const char *value;
	} marks[] = {{"{name}", forms->name}, {"{literal}", forms->literal}, {"{inner}", forms->inner}};
	StringInfoData out;

	initStringInfo(&out);
	while (*text != '\0')
	{
		size_t taken = 0;

		for (size_t i = 0; i < lengthof(marks) && taken == 0; i++)
		{
			size_t length = strlen(marks[i].mark);

			if (strncmp(text, marks[i].mark, length) != 0)
				continue;
			if (marks[i].value == NULL)
				elog(ERROR, "script of grants uses a form the engine has not");
			appendStringInfoString(&out, marks[i].value);
			taken = length;
		}
		if (taken == 0)
		{
			appendStringInfoChar(&out, *text);
			taken = 1;
		}
		text += taken;
	}
	return out.data;
}

/* grant_script: the statements that make a monitoring account, without any password. */
Datum
wf_connections_grant_script(PG_FUNCTION_ARGS)
{
	const WfGrantText *script;
	QuotedName forms;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		wf_raise(WF_ERR_VALIDATION,
				 psprintf("Missing: %s%s%s.", PG_ARGISNULL(0) ? "db_type" : "",
						  PG_ARGISNULL(0) && PG_ARGISNULL(1) ? ", " : "",
						  PG_ARGISNULL(1) ? "username" : ""),
				 NULL);
	script = find_script(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	quote_name(script, check_name(script, text_to_cstring(PG_GETARG_TEXT_PP(1))), &forms);
	PG_RETURN_TEXT_P(cstring_to_text(fill(script->text, &forms)));
}
