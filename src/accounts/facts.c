/*
 * facts.c - what a permission snapshot means: capabilities, roles, privileges (domain 3.8).
 *
 * One table says which category of which engine holds roles or privileges of which scope; the JSON for
 * readers and the interned facts for queries come from the same walk.
 */
#include "postgres.h"

#include "accounts/capability.h"
#include "accounts/facts.h"
#include "accounts/grants.h"
#include "accounts/intern.h"
#include "accounts/jb.h"

#define PG_MEMBERSHIP_OPTIONS "postgresql_role_membership_options"
#define SQLSERVER_PERMISSIONS "sqlserver_database_permissions"

typedef enum CategoryMeaning
{
	HOLDS_ROLES,		/* names are roles, whatever the object (MySQL: direct, default) */
	HOLDS_OBJECT_ROLES, /* names are roles inside of an object (SQL Server databases) */
	HOLDS_PRIVILEGES
} CategoryMeaning;

typedef struct CategoryRule
{
	const char *db_type;
	const char *category;
	CategoryMeaning meaning;
	const char *scope; /* of facts, and key below `privileges` */
} CategoryRule;

static const CategoryRule category_rules[] = {
	{"mysql", "mysql_granted_roles", HOLDS_ROLES, "role"},
	{"mysql", "mysql_global_privileges", HOLDS_PRIVILEGES, "global"},
	{"mysql", "mysql_database_privileges", HOLDS_PRIVILEGES, "database"},
	{"postgresql", "postgresql_predefined_roles", HOLDS_ROLES, "role"},
	{"postgresql", "postgresql_database_privileges", HOLDS_PRIVILEGES, "database"},
	{"postgresql", "postgresql_tablespace_privileges", HOLDS_PRIVILEGES, "tablespace"},
	{"sqlserver", "sqlserver_server_roles", HOLDS_ROLES, "role"},
	{"sqlserver", "sqlserver_database_roles", HOLDS_OBJECT_ROLES, "role"},
	{"sqlserver", "sqlserver_server_permissions", HOLDS_PRIVILEGES, "server"},
	{"sqlserver", SQLSERVER_PERMISSIONS, HOLDS_PRIVILEGES, "database"},
	{"oracle", "oracle_roles", HOLDS_ROLES, "role"},
	{"oracle", "oracle_system_privileges", HOLDS_PRIVILEGES, "system"},
};

/* State of deriving one account. */
typedef struct Derive
{
	WfSnapshotParts parts;
	Jsonb *snapshot;
	WfFacts *facts;
	int capacity;	/* of facts->handles */
	WfGrant *roles; /* object "" */
	int nroles, roles_capacity;
	bool too_long;
	WfJson json;
} Derive;

static void
add_fact(Derive *derive, const char *scope, const WfGrant *grant, bool grantable)
{
	WfFacts *facts = derive->facts;
	uint32 handle;

	if (!wf_intern_handle(scope, grant->object, grant->object_length, grant->name,
						  grant->name_length, grantable, &handle))
	{
		derive->too_long = true;
		return;
	}
	if (facts->count == derive->capacity)
	{
		derive->capacity *= 2;
		facts->handles = repalloc(facts->handles, derive->capacity * sizeof(uint32));
	}
	facts->handles[facts->count++] = handle;
}

static void
add_role(Derive *derive, const WfGrant *grant)
{
	if (derive->nroles == derive->roles_capacity)
	{
		derive->roles_capacity = Max(8, derive->roles_capacity * 2);
		derive->roles = derive->roles == NULL
							? palloc(derive->roles_capacity * sizeof(WfGrant))
							: repalloc(derive->roles, derive->roles_capacity * sizeof(WfGrant));
	}
	derive->roles[derive->nroles] = *grant;
	derive->roles[derive->nroles].object = "";
	derive->roles[derive->nroles++].object_length = 0;
}

/* PostgreSQL: does the account hold a role WITH ADMIN OPTION? */
static bool
has_admin_option(const Derive *derive, const WfGrant *role)
{
	JsonbContainer *options = wf_jb_container(derive->parts.categories, PG_MEMBERSHIP_OPTIONS);
	JsonbValue value;

	if (options == NULL || !JsonContainerIsObject(options) ||
		getKeyJsonValueFromContainer(options, role->name, role->name_length, &value) == NULL ||
		value.type != jbvBinary)
		return false;
	return wf_jb_array_has(value.val.binary.data, "ADMIN");
}

/*
 * May the account pass a privilege on? Drivers repeat such grants below extra.grantable.<category>;
 * MySQL has one GRANT OPTION for all privileges of a level.
 */
static bool
is_grantable(const Derive *derive, const CategoryRule *rule, const WfGrant *grants, int count,
			 const WfGrant *grantable, int ngrantable, const WfGrant *grant)
{
	WfGrant option = *grant;

	if (wf_grants_have(grantable, ngrantable, grant))
		return true;
	if (strcmp(rule->db_type, "postgresql") == 0 && rule->meaning == HOLDS_ROLES)
		return has_admin_option(derive, grant);
	if (strcmp(rule->db_type, "mysql") != 0 || rule->meaning != HOLDS_PRIVILEGES)
		return false;
	option.name = "GRANT OPTION";
	option.name_length = strlen(option.name);
	return wf_grant_compare(&option, grant) != 0 && wf_grants_have(grants, count, &option);
}

/* Roles and interned facts of one category. */
static void
derive_category(Derive *derive, const CategoryRule *rule, JsonbContainer *category)
{
	bool sqlserver = strcmp(rule->category, SQLSERVER_PERMISSIONS) == 0;
	JsonbContainer *extra = wf_jb_container(derive->parts.extra, "grantable");
	WfGrant *grants, *grantable;
	int count = wf_grants_of(category, sqlserver, &grants);
	int ngrantable = wf_grants_of(wf_jb_container(extra, rule->category), sqlserver, &grantable);

	for (int i = 0; i < count; i++)
	{
		WfGrant fact = grants[i];
		const char *scope = fact.scope != NULL ? fact.scope : rule->scope;

		if (rule->meaning != HOLDS_PRIVILEGES)
			add_role(derive, &grants[i]);
		if (rule->meaning == HOLDS_ROLES)
		{
			fact.object = "";
			fact.object_length = 0;
		}
		add_fact(derive, scope, &fact,
				 is_grantable(derive, rule, grants, count, grantable, ngrantable, &grants[i]));
	}
}

static int
compare_roles(const void *a, const void *b)
{
	return wf_grant_compare(a, b);
}

/* roles, roles_effective, and facts of roles that are held only indirectly. */
static void
derive_roles(Derive *derive)
{
	JsonbContainer *effective = wf_jb_container(derive->parts.extra, "effective_roles");
	WfGrant *indirect;
	int count, kept = 0;

	if (derive->nroles > 0)
		qsort(derive->roles, derive->nroles, sizeof(WfGrant), compare_roles);
	wf_json_open_array(&derive->json, "roles");
	for (int i = 0; i < derive->nroles; i++)
	{
		if (kept > 0 && wf_grant_compare(&derive->roles[kept - 1], &derive->roles[i]) == 0)
			continue;
		derive->roles[kept++] = derive->roles[i];
		wf_json_add_text_len(&derive->json, NULL, derive->roles[i].name,
							 derive->roles[i].name_length);
	}
	wf_json_close(&derive->json);
	derive->nroles = kept;
	if (effective == NULL)
		return;
	wf_json_open_array(&derive->json, "roles_effective");
	count = wf_grants_of(effective, false, &indirect);
	for (int i = 0; i < count; i++)
	{
		wf_json_add_text_len(&derive->json, NULL, indirect[i].name, indirect[i].name_length);
		if (!wf_grants_have(derive->roles, derive->nroles, &indirect[i]))
			add_fact(derive, "role_effective", &indirect[i], false);
	}
	wf_json_close(&derive->json);
}

/* SQL Server: {db: names}, of the database itself or of everything inside it. */
static void
add_sqlserver_group(Derive *derive, const char *key, bool inside, const WfGrant *grants, int count)
{
	WfGrant *names = palloc(Max(count, 1) * sizeof(WfGrant));
	int selected = 0;

	/* The object's first part is the database; sorting by it and the name gives each list. */
	for (int i = 0; i < count; i++)
	{
		const char *slash;

		if ((strcmp(grants[i].scope != NULL ? grants[i].scope : "", "database") != 0) != inside)
			continue;
		names[selected] = grants[i];
		slash = inside ? memchr(grants[i].object, '/', grants[i].object_length) : NULL;
		if (slash != NULL)
			names[selected].object_length = slash - grants[i].object;
		selected++;
	}
	if (selected == 0)
		return;
	qsort(names, selected, sizeof(WfGrant), compare_roles);
	wf_json_open_object(&derive->json, key);
	for (int i = 0; i < selected; i++)
	{
		bool first = i == 0 || wf_grant_compare_objects(&names[i - 1], &names[i]) != 0;

		if (first)
			wf_json_open_array(&derive->json, pnstrdup(names[i].object, names[i].object_length));
		if (first || wf_grant_compare(&names[i - 1], &names[i]) != 0)
			wf_json_add_text_len(&derive->json, NULL, names[i].name, names[i].name_length);
		if (i + 1 == selected || wf_grant_compare_objects(&names[i], &names[i + 1]) != 0)
			wf_json_close(&derive->json);
	}
	wf_json_close(&derive->json);
}

/* The object `privileges`; empty groups are left out. */
static void
derive_privileges(Derive *derive)
{
	wf_json_open_object(&derive->json, "privileges");
	for (size_t i = 0; i < lengthof(category_rules); i++)
	{
		const CategoryRule *rule = &category_rules[i];
		JsonbContainer *category;
		WfGrant *grants;
		JsonbValue value;

		if (rule->meaning != HOLDS_PRIVILEGES || strcmp(rule->db_type, derive->parts.db_type) != 0)
			continue;
		category = wf_jb_container(derive->parts.categories, rule->category);
		if (category == NULL || JsonContainerSize(category) == 0)
			continue;
		if (strcmp(rule->category, SQLSERVER_PERMISSIONS) == 0)
		{
			int count = wf_grants_of(category, true, &grants);

			add_sqlserver_group(derive, "database_permissions", false, grants, count);
			add_sqlserver_group(derive, "object_permissions", true, grants, count);
		}
		else if (wf_jb_member(derive->parts.categories, rule->category, &value))
			wf_jb_add(&derive->json, rule->scope, &value);
	}
	wf_json_close(&derive->json);
}

/* capabilities and capability_reasons; the list is sorted by capability. */
static void
derive_capabilities(Derive *derive, TimestampTz now)
{
	WfCapability *found;
	int count = wf_capability_find(&derive->parts, now, &found);
	WfJson *json = &derive->json;

	wf_json_open_array(json, "capabilities");
	for (int i = 0; i < count; i++)
	{
		WfGrant fact = {.object = "", .name = found[i].name, .name_length = found[i].name_length};

		if (i > 0 && found[i - 1].name_length == found[i].name_length &&
			memcmp(found[i - 1].name, found[i].name, found[i].name_length) == 0)
			continue;
		wf_json_add_text_len(json, NULL, found[i].name, found[i].name_length);
		add_fact(derive, "capability", &fact, false);
		if (strncmp(found[i].name, "SUPERUSER", Max(found[i].name_length, 9)) == 0)
			derive->facts->is_superuser = true;
		if (strncmp(found[i].name, "LOCKED", Max(found[i].name_length, 6)) == 0)
			derive->facts->is_locked = true;
	}
	wf_json_close(json);
	wf_json_open_object(json, "capability_reasons");
	for (int i = 0; i < count; i++)
	{
		bool first = i == 0 || found[i - 1].name_length != found[i].name_length ||
					 memcmp(found[i - 1].name, found[i].name, found[i].name_length) != 0;

		if (first && i > 0)
			wf_json_close(json);
		if (first)
			wf_json_open_array(json, pnstrdup(found[i].name, found[i].name_length));
		wf_json_add_text(json, NULL, found[i].reason);
	}
	if (count > 0)
		wf_json_close(json);
	wf_json_close(json);
}

/* The version of the snapshot, or -1. */
static int64
snapshot_version(const Derive *derive)
{
	return wf_json_get_int(derive->snapshot, "version", -1);
}

static void
derive_errors(Derive *derive)
{
	JsonbContainer *errors = wf_jb_container(&derive->snapshot->root, "errors");
	WfGrant *texts;
	int count = wf_grants_of(errors, false, &texts);
	WfJson *json = &derive->json;

	wf_json_open_array(json, "errors");
	for (int i = 0; i < count; i++)
		wf_json_add_text_len(json, NULL, texts[i].name, texts[i].name_length);
	if (snapshot_version(derive) != 4)
		wf_json_add_text(json, NULL, "SNAPSHOT_VERSION_UNKNOWN");
	if (derive->parts.categories == NULL || JsonContainerSize(derive->parts.categories) == 0)
		wf_json_add_text(json, NULL, "PERMISSION_DATA_MISSING");
	if (derive->too_long)
		wf_json_add_text(json, NULL, "FACT_TOO_LONG");
	wf_json_close(json);
}

static void
derive_meta(Derive *derive)
{
	int64 version = snapshot_version(derive);
	WfJson *json = &derive->json;

	wf_json_open_object(json, "meta");
	wf_json_add_text(json, "source", version == 4 ? "snapshot" : "snapshot_contract_error");
	if (version >= 0)
		wf_json_add_int(json, "snapshot_version", version);
	wf_json_close(json);
}

void
wf_facts_derive(const char *db_type, const char *username, Jsonb *snapshot, TimestampTz now,
				WfFacts *facts)
{
	Derive derive = {.snapshot = snapshot, .facts = facts, .capacity = 32};

	memset(facts, 0, sizeof(*facts));
	facts->handles = palloc(derive.capacity * sizeof(uint32));
	wf_capability_parts(db_type, username, snapshot, &derive.parts);
	wf_json_begin(&derive.json);
	wf_json_add_int(&derive.json, "version", 2);
	wf_json_add_text(&derive.json, "db_type", db_type);
	derive_capabilities(&derive, now);
	for (size_t i = 0; i < lengthof(category_rules); i++)
	{
		const CategoryRule *rule = &category_rules[i];

		if (strcmp(rule->db_type, db_type) == 0)
			derive_category(&derive, rule,
							wf_jb_container(derive.parts.categories, rule->category));
	}
	derive_roles(&derive);
	derive_privileges(&derive);
	derive_errors(&derive);
	derive_meta(&derive);
	facts->json = wf_json_end(&derive.json);
}

bool
wf_facts_lock_expired(const char *db_type, Jsonb *snapshot, bool stored_is_locked, TimestampTz now)
{
	WfSnapshotParts parts;
	JsonbContainer *attributes;
	TimestampTz until;

	if (strcmp(db_type, "postgresql") != 0)
		return false;
	wf_capability_parts(db_type, "", snapshot, &parts);
	if (!wf_capability_valid_until(&parts, &until))
		return false;
	attributes = wf_jb_container(parts.categories, "postgresql_role_attributes");
	return (wf_jb_is_bool(attributes, "can_login", false) || until <= now) != stored_is_locked;
}
