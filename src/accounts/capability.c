/*
 * capability.c - capabilities of an account, by a table of rules (domain 3.8).
 */
#include "postgres.h"

#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "accounts/capability.h"
#include "accounts/jb.h"

#define PG_ATTRIBUTES "postgresql_role_attributes"

typedef enum RuleTest
{
	IF_ATTRIBUTE_TRUE,	/* boolean role attribute */
	IF_ATTRIBUTE_FALSE, /* present and false */
	IF_LISTED,			/* list category holds value */
	IF_EXTRA_LISTED,	/* list of extra holds value */
	IF_TYPE_TRUE,		/* boolean of type_specific */
	IF_TYPE_TRUE_USER,	/* the same, but not for roles (account_kind) */
	IF_TYPE_TEXT,		/* text of type_specific is value */
	IF_TYPE_OTHER_TEXT, /* text of type_specific is present and not value */
	IF_EXPIRED,			/* valid_until has come */
	IF_USERNAME			/* the account is called value */
} RuleTest;

typedef struct Rule
{
	const char *db_type;
	const char *capability;
	RuleTest test;
	const char *key;
	const char *value;
	const char *reason;
} Rule;

/* Sorted by capability within an engine, so that reasons of one capability stand together. */
static const Rule rules[] = {
	{"mysql", "GRANT_ADMIN", IF_LISTED, "mysql_global_privileges", "GRANT OPTION",
	 "mysql_global_privileges=GRANT OPTION"},
	{"mysql", "LOCKED", IF_TYPE_TRUE_USER, "account_locked", NULL,
	 "type_specific.account_locked=True"},
	{"mysql", "SUPERUSER", IF_TYPE_TRUE, "super_priv", NULL, "type_specific.super_priv=True"},

	{"postgresql", "GRANT_ADMIN", IF_ATTRIBUTE_TRUE, "can_create_role", NULL,
	 "postgresql_role_attributes.can_create_role=True"},
	{"postgresql", "LOCKED", IF_ATTRIBUTE_FALSE, "can_login", NULL,
	 "postgresql_role_attributes.can_login=False"},
	{"postgresql", "LOCKED", IF_EXPIRED, "valid_until", NULL, "type_specific.valid_until=expired"},
	{"postgresql", "SUPERUSER", IF_ATTRIBUTE_TRUE, "can_super", NULL,
	 "postgresql_role_attributes.can_super=True"},

	{"sqlserver", "GRANT_ADMIN", IF_LISTED, "sqlserver_server_roles", "securityadmin",
	 "sqlserver_server_roles=securityadmin"},
	{"sqlserver", "GRANT_ADMIN", IF_LISTED, "sqlserver_server_permissions", "CONTROL SERVER",
	 "sqlserver_server_permissions=CONTROL SERVER"},
	{"sqlserver", "LOCKED", IF_TYPE_TEXT, "connect_to_engine", "DENY",
	 "type_specific.connect_to_engine=DENY"},
	{"sqlserver", "LOCKED", IF_TYPE_TRUE, "is_disabled", NULL, "type_specific.is_disabled=True"},
	{"sqlserver", "LOCKED", IF_TYPE_TRUE, "is_locked_out", NULL,
	 "type_specific.is_locked_out=True"},
	{"sqlserver", "LOCKED", IF_TYPE_TRUE, "is_password_expired", NULL,
	 "type_specific.is_password_expired=True"},
	{"sqlserver", "LOCKED", IF_TYPE_TRUE, "must_change_password", NULL,
	 "type_specific.must_change_password=True"},
	{"sqlserver", "SUPERUSER", IF_LISTED, "sqlserver_server_roles", "sysadmin",
	 "sqlserver_server_roles=sysadmin"},

	{"oracle", "GRANT_ADMIN", IF_LISTED, "oracle_roles", "DBA", "oracle_roles=DBA"},
	{"oracle", "GRANT_ADMIN", IF_LISTED, "oracle_system_privileges", "GRANT ANY PRIVILEGE",
	 "oracle_system_privileges=GRANT ANY PRIVILEGE"},
	{"oracle", "LOCKED", IF_TYPE_OTHER_TEXT, "account_status", "OPEN",
	 "type_specific.account_status!=OPEN"},
	{"oracle", "SUPERUSER", IF_LISTED, "oracle_roles", "DBA", "oracle_roles=DBA"},
	{"oracle", "SUPERUSER", IF_EXTRA_LISTED, "password_file", "SYSDBA",
	 "extra.password_file=SYSDBA"},
	{"oracle", "SUPERUSER", IF_USERNAME, NULL, "SYS", "username=SYS"},
};

void
wf_capability_parts(const char *db_type, const char *username, Jsonb *snapshot,
					WfSnapshotParts *parts)
{
	parts->db_type = db_type;
	parts->username = username;
	parts->categories = wf_jb_container(&snapshot->root, "categories");
	parts->type_specific =
		wf_jb_container(wf_jb_container(&snapshot->root, "type_specific"), db_type);
	parts->extra = wf_jb_container(&snapshot->root, "extra");
}

/* A fixed number of digits; false when there are fewer. */
static bool
take_digits(const char **at, const char *end, int digits, int *number)
{
	*number = 0;
	for (int i = 0; i < digits; i++)
	{
		if (*at >= end || **at < '0' || **at > '9')
			return false;
		*number = *number * 10 + (*(*at)++ - '0');
	}
	return true;
}

static bool
take_char(const char **at, const char *end, const char *allowed)
{
	if (*at >= end || strchr(allowed, **at) == NULL)
		return false;
	(*at)++;
	return true;
}

/* Z, +hh, +hhmm or +hh:mm; gives seconds west of UTC, as PostgreSQL counts. */
static bool
take_zone(const char **at, const char *end, int *west)
{
	int hours, minutes = 0;
	bool east;

	*west = 0;
	if (take_char(at, end, "Zz"))
		return *at == end;
	east = *at < end && **at == '+';
	if (!take_char(at, end, "+-") || !take_digits(at, end, 2, &hours))
		return false;
	if (*at < end && (take_char(at, end, ":") || true) && !take_digits(at, end, 2, &minutes))
		return false;
	if (hours > 15 || minutes > 59)
		return false;
	*west = (hours * 60 + minutes) * 60 * (east ? -1 : 1);
	return *at == end;
}

/* Digits after the point as microseconds; more than six are cut. */
static void
take_fraction(const char **at, const char *end, fsec_t *fsec)
{
	int scale = 100000;

	while (*at < end && **at >= '0' && **at <= '9')
	{
		*fsec += (*(*at)++ - '0') * scale;
		scale /= 10;
	}
}

/*
 * Own parser: the input function of timestamptz raises on bad input, depends on DateStyle, and its parts
 * differ between server versions.
 */
bool
wf_parse_iso_instant(const char *text, int length, TimestampTz *instant)
{
	const char *at = text, *end = text + length;
	struct pg_tm tm = {0};
	fsec_t fsec = 0;
	int west;

	if (!take_digits(&at, end, 4, &tm.tm_year) || !take_char(&at, end, "-") ||
		!take_digits(&at, end, 2, &tm.tm_mon) || !take_char(&at, end, "-") ||
		!take_digits(&at, end, 2, &tm.tm_mday) || !take_char(&at, end, "T ") ||
		!take_digits(&at, end, 2, &tm.tm_hour) || !take_char(&at, end, ":") ||
		!take_digits(&at, end, 2, &tm.tm_min) || !take_char(&at, end, ":") ||
		!take_digits(&at, end, 2, &tm.tm_sec))
		return false;
	if (take_char(&at, end, "."))
		take_fraction(&at, end, &fsec);
	if (!take_zone(&at, end, &west))
		return false;
	if (tm.tm_year < 1 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
		tm.tm_mday > day_tab[isleap(tm.tm_year)][tm.tm_mon - 1] || tm.tm_hour > 23 ||
		tm.tm_min > 59 || tm.tm_sec > 59)
		return false;
	return tm2timestamp(&tm, fsec, &west, instant) == 0;
}

bool
wf_capability_valid_until(const WfSnapshotParts *parts, TimestampTz *until)
{
	JsonbValue value;

	return strcmp(parts->db_type, "postgresql") == 0 &&
		   wf_jb_member(parts->type_specific, "valid_until", &value) && value.type == jbvString &&
		   wf_parse_iso_instant(value.val.string.val, value.val.string.len, until);
}

static bool
rule_holds(const Rule *rule, const WfSnapshotParts *parts, TimestampTz now)
{
	JsonbContainer *attributes;
	JsonbValue value;
	TimestampTz until;

	switch (rule->test)
	{
		case IF_ATTRIBUTE_TRUE:
		case IF_ATTRIBUTE_FALSE:
			attributes = wf_jb_container(parts->categories, PG_ATTRIBUTES);
			return wf_jb_is_bool(attributes, rule->key, rule->test == IF_ATTRIBUTE_TRUE);
		case IF_LISTED:
			return wf_jb_array_has(wf_jb_container(parts->categories, rule->key), rule->value);
		case IF_EXTRA_LISTED:
			return wf_jb_array_has(wf_jb_container(parts->extra, rule->key), rule->value);
		case IF_TYPE_TRUE:
			return wf_jb_is_bool(parts->type_specific, rule->key, true);
		case IF_TYPE_TRUE_USER:
			return wf_jb_is_bool(parts->type_specific, rule->key, true) &&
				   !wf_jb_is_text(parts->type_specific, "account_kind", "role");
		case IF_TYPE_TEXT:
			return wf_jb_is_text(parts->type_specific, rule->key, rule->value);
		case IF_TYPE_OTHER_TEXT:
			return wf_jb_member(parts->type_specific, rule->key, &value) &&
				   value.type == jbvString &&
				   !wf_jb_is_text(parts->type_specific, rule->key, rule->value);
		case IF_EXPIRED:
			return wf_capability_valid_until(parts, &until) && until <= now;
		case IF_USERNAME:
			return strcmp(parts->username, rule->value) == 0;
	}
	return false;
}

/* Every PostgreSQL attribute that is true is a capability of its own name. */
static void
add_attributes(const WfSnapshotParts *parts, WfCapability *found, int *count)
{
	JsonbContainer *attributes = wf_jb_container(parts->categories, PG_ATTRIBUTES);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue value;
	const char *key = "";
	int length = 0;

	if (attributes == NULL || !JsonContainerIsObject(attributes))
		return;
	it = JsonbIteratorInit(attributes);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			key = value.val.string.val;
			length = value.val.string.len;
		}
		else if (token == WJB_VALUE && value.type == jbvBool && value.val.boolean)
			found[(*count)++] =
				(WfCapability){key, length, psprintf(PG_ATTRIBUTES ".%.*s=True", length, key)};
	}
}

/* Insertion sort: stable, and there are a dozen at most. */
static void
sort_by_name(WfCapability *found, int count)
{
	for (int i = 1; i < count; i++)
	{
		WfCapability moving = found[i];
		int at = i;

		while (at > 0)
		{
			const WfCapability *before = &found[at - 1];
			int order =
				memcmp(before->name, moving.name, Min(before->name_length, moving.name_length));

			if (order < 0 || (order == 0 && before->name_length <= moving.name_length))
				break;
			found[at] = found[at - 1];
			at--;
		}
		found[at] = moving;
	}
}

int
wf_capability_find(const WfSnapshotParts *parts, TimestampTz now, WfCapability **capabilities)
{
	JsonbContainer *attributes = wf_jb_container(parts->categories, PG_ATTRIBUTES);
	int members = attributes != NULL ? (int) JsonContainerSize(attributes) : 0;
	WfCapability *found = palloc((lengthof(rules) + members) * sizeof(WfCapability));
	int count = 0;

	for (size_t i = 0; i < lengthof(rules); i++)
		if (strcmp(rules[i].db_type, parts->db_type) == 0 && rule_holds(&rules[i], parts, now))
			found[count++] = (WfCapability){rules[i].capability, (int) strlen(rules[i].capability),
											rules[i].reason};
	if (strcmp(parts->db_type, "postgresql") == 0)
		add_attributes(parts, found, &count);
	sort_by_name(found, count);
	*capabilities = found;
	return count;
}
