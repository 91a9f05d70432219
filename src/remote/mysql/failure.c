/*
 * From the errors of MySQL, MariaDB and their libraries to the words of protocol.h. Only numbers
 * count: texts may be in any language.
 */
#include "remote/mysql/driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "remote/common/text.h"
#include "remote/mysql/guard.h"

/* Numbers of the libraries (2000 on; MariaDB's own from 5000 on) and of the servers. */
static const struct
{
	unsigned number;
	const char *type;
} numbers[] = {
	/* Both, while connecting. */
	{1044, WF_ERROR_AUTH},			   /* no privilege on the database */
	{1045, WF_ERROR_AUTH},			   /* user or password */
	{1130, WF_ERROR_AUTH},			   /* host not allowed */
	{1251, WF_ERROR_AUTH},			   /* login method not supported */
	{1275, WF_ERROR_AUTH},			   /* password in the old format */
	{1698, WF_ERROR_AUTH},			   /* user or password, no password given */
	{1820, WF_ERROR_AUTH},			   /* password expired, first statement */
	{1862, WF_ERROR_AUTH},			   /* password expired */
	{3118, WF_ERROR_AUTH},			   /* locked, MySQL */
	{3955, WF_ERROR_AUTH},			   /* locked after failed logins, MySQL */
	{4151, WF_ERROR_AUTH},			   /* locked, MariaDB */
	{3159, WF_ERROR_TLS},			   /* only secure transport is taken */
	{1049, WF_ERROR_UNKNOWN_DATABASE}, /* */
	{1043, WF_ERROR_PROTOCOL},		   /* bad handshake */
	{1047, WF_ERROR_PROTOCOL},		   /* unknown command */
	{1156, WF_ERROR_PROTOCOL},		   /* packets out of order */
	/* Statements that took too long. */
	{1205, WF_ERROR_TIMEOUT}, /* lock wait */
	{1969, WF_ERROR_TIMEOUT}, /* max_statement_time, MariaDB */
	{3024, WF_ERROR_TIMEOUT}, /* max_execution_time, MySQL */
	/* Libraries. */
	{2005, WF_ERROR_DNS},
	{2007, WF_ERROR_PROTOCOL}, /* protocol version */
	{2012, WF_ERROR_PROTOCOL}, /* handshake */
	{2014, WF_ERROR_PROTOCOL}, /* commands out of sync */
	{2020, WF_ERROR_PROTOCOL}, /* packet too large */
	{2026, WF_ERROR_TLS},
	{2027, WF_ERROR_PROTOCOL}, /* malformed packet */
	{2054, WF_ERROR_AUTH},	   /* login method not known */
	{2058, WF_ERROR_AUTH},
	{2059, WF_ERROR_AUTH},
	{2061, WF_ERROR_TLS},	   /* MySQL's library: the login needs a secure connection */
	{2068, WF_ERROR_PROTOCOL}, /* MySQL's library: the server asks for a file */
	{5010, WF_ERROR_AUTH},	   /* MariaDB's library: login method not allowed */
};

/* What a library says when it has no words. */
#define UNKNOWN_ERROR 2000

/* The type for a number, NULL when it says nothing special. */
static const char *
type_of_number(unsigned number)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
	{
		if (numbers[i].number == number)
			return numbers[i].type;
	}
	return NULL;
}

/* True for numbers that a library gives itself. */
static bool
is_of_library(unsigned number)
{
	return (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

/* The type for the errno that the library puts in parentheses at the end of its text. */
static const char *
type_of_system_error(const char *text)
{
	const char *last = strrchr(text, '(');
	long number = last == NULL ? 0 : strtol(last + 1, NULL, 10);

	switch (number)
	{
		case ECONNREFUSED:
		case EHOSTUNREACH:
		case ENETUNREACH:
		case ENETDOWN:
		case EHOSTDOWN:
			return WF_ERROR_REFUSED;
		case ETIMEDOUT:
			return WF_ERROR_TIMEOUT;
		default:
			return WF_ERROR_OTHER;
	}
}

/* Sets type, SQLSTATE and text of the library's last error. */
static void
take_over(MYSQL *mysql, WfFailure *failure, const char *type)
{
	const char *state = mysql_sqlstate(mysql);
	bool told = !is_of_library(mysql_errno(mysql)) && state != NULL && strlen(state) == 5;

	wf_failure_set(failure, type, "%s", "");
	if (told)
		wf_text_clean(failure->sqlstate, sizeof(failure->sqlstate), state);
	wf_text_clean(failure->message, sizeof(failure->message), mysql_error(mysql));
	if (failure->message[0] == '\0')
		wf_text_clean(failure->message, sizeof(failure->message),
					  "the connection to the server was lost");
}

/* True when a failed login is one that needs the server's key. */
static bool
needs_key(WfMySession *session, unsigned number)
{
	/* A method that the library does not have may be any: its name is in the text. */
	return wf_guard_key_missing() || number == UNKNOWN_ERROR || number == 2061 ||
		   (number == 2059 && strstr(mysql_error(session->mysql), "sha2") != NULL);
}

/* Tells a login that needs the server's key, which was not to be fetched, by its name. */
static bool
explain_missing_key(WfMySession *session, unsigned number)
{
	const WfRequest *request = session->request;

	if (session->encrypted || !needs_key(session, number))
		return false;
	if (request->server_public_key != NULL)
	{
		wf_failure_set(&session->failure, WF_ERROR_TLS,
					   "the server's public key could not be used for the login");
		wf_failure_hint(&session->failure, "Give the public key of this server, or use TLS.");
		return true;
	}
	if (request->may_fetch_key)
		return false;
	wf_failure_set(&session->failure, WF_ERROR_TLS,
				   "the login needs an encrypted connection or the server's public key");
	wf_failure_hint(&session->failure,
					"Choose a TLS mode that encrypts, or give the server's public key (its file "
					"public_key.pem). A key fetched from whoever answers protects nothing.");
	return true;
}

void
wf_my_connect_failure(WfMySession *session)
{
	unsigned number = mysql_errno(session->mysql);
	const char *type = type_of_number(number);

	if (explain_missing_key(session, number))
		return;
	if (number == 2002 || number == 2003)
		type = type_of_system_error(mysql_error(session->mysql));
	take_over(session->mysql, &session->failure, type == NULL ? WF_ERROR_OTHER : type);
	if (number == 3159)
		wf_failure_hint(&session->failure, "Choose a TLS mode that encrypts.");
	if (number == 2059)
		wf_failure_hint(&session->failure,
						"The client library of this program (%s --version) has no such method of "
						"login; MariaDB's has more than MySQL's.",
						WF_REMOTE_PROGRAM "mysql");
	if (number == 1045 && !session->encrypted)
		wf_failure_hint(&session->failure,
						"An account that demands TLS is refused with these words too.");
}

bool
wf_my_statement_failure(const WfMySession *session, WfFailure *failure)
{
	unsigned number = mysql_errno(session->mysql);
	const char *type = type_of_number(number);

	/* While reading, a connection that breaks is that, and a refusal says what is refused. */
	if (type == NULL || strcmp(type, WF_ERROR_TLS) == 0 || number == 1044)
		type = number == UNKNOWN_ERROR ? WF_ERROR_PROTOCOL : WF_ERROR_OTHER;
	take_over(session->mysql, failure, type);
	return !is_of_library(number) && number != 1820 && number != 0;
}
