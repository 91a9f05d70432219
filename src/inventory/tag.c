/*
 * tag.c - checking and storing tags, and their links to instances.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/lsyscache.h"

#include "base/errors.h"
#include "base/guard.h"
#include "base/json.h"
#include "base/spi.h"
#include "base/text.h"
#include "inventory/credential.h"
#include "inventory/tag.h"
#include "inventory/validate.h"
#include "logs/log.h"
#include "whalefall.h"

#define NAME_CHARS		   50
#define DISPLAY_NAME_CHARS 100
#define CATEGORY_CHARS	   50
#define DEFAULT_COLOR	   "primary"

/* Checked values; NULL = absent. */
typedef struct Checked
{
	char *name;
	char *display_name;
	char *category;
	char *color;
} Checked;

bool
wf_tag_tables_exist(void)
{
	return OidIsValid(get_relname_relid("instance_tags", get_namespace_oid(WF_SCHEMA, false)));
}

/* A code: letters, digits, _ and -. */
static char *
check_name(const char *given)
{
	char *name = wf_validate_label("name", given, NAME_CHARS);

	if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") !=
		strlen(name))
		wf_raise(WF_ERR_VALIDATION, "name holds a character that is not allowed.",
				 "Use letters, digits, _ and -.");
	return name;
}

/* A key of the table of colours; blank means the default. */
static char *
check_color(const char *given)
{
	static WfQuery find =
		WF_QUERY("select key from whalefall.tag_colors where key = lower($1)", TEXTOID);
	char *word = wf_text_trim(given);
	WfArg args[] = {wf_arg_text(word)};

	if (word[0] == '\0')
		return DEFAULT_COLOR;
	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		wf_raise(WF_ERR_VALIDATION, psprintf("color \"%s\" is not known.", wf_text_clip(word, 64)),
				 "Use primary, danger, warning, info, secondary, success, dark or light.");
	return wf_spi_text(0, 1);
}

static Checked
check(const WfTagInput *input)
{
	Checked checked = {0};

	if (input->name != NULL)
		checked.name = check_name(input->name);
	if (input->display_name != NULL)
		checked.display_name =
			wf_validate_label("display_name", input->display_name, DISPLAY_NAME_CHARS);
	if (input->category != NULL)
		checked.category = wf_validate_label("category", input->category, CATEGORY_CHARS);
	if (input->color != NULL)
		checked.color = check_color(input->color);
	return checked;
}

/* All missing fields in one message. */
static void
require_fields(const WfTagInput *input)
{
	const char *const names[] = {"name", "display_name", "category"};
	const char *const values[] = {input->name, input->display_name, input->category};
	char *missing = "";

	for (size_t i = 0; i < lengthof(names); i++)
		if (values[i] == NULL)
			missing = psprintf("%s%s%s", missing, missing[0] != '\0' ? ", " : "", names[i]);
	if (missing[0] != '\0')
		wf_raise(WF_ERR_VALIDATION, psprintf("Missing: %s.", missing), NULL);
}

/* Raise when another tag has the name. */
static void
require_free_name(const char *name, int64 own_id)
{
	static WfQuery find =
		WF_QUERY("select 1 from whalefall.tags where name = $1 and id <> $2", TEXTOID, INT8OID);
	WfArg args[] = {wf_arg_text(name), WF_ARG_INT64(own_id)};

	wf_inventory_lock_name('t', name);
	if (wf_spi_run(&find, SPI_OK_SELECT, args) > 0)
		wf_raise(WF_ERR_NAME_EXISTS, psprintf("A tag named \"%s\" exists.", name), NULL);
}

static void
log_write(const char *message, const char *action, int64 id, const char *name)
{
	WfJson json;

	wf_json_begin(&json);
	wf_json_add_text(&json, "action", action);
	wf_json_add_int(&json, "tag_id", id);
	wf_json_add_text(&json, "tag_name", name);
	wf_log_write(WF_LOG_INFO, "tags", message, wf_json_end(&json), NULL);
}

int64
wf_tag_create(const WfTagInput *input)
{
	static WfQuery insert =
		WF_QUERY("insert into whalefall.tags (name, display_name, category, color, is_active) "
				 "values ($1, $2, $3, $4, $5) returning id",
				 TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID);
	Checked checked;
	WfArg args[5];
	int64 id;

	wf_guard_require_ready();
	require_fields(input);
	checked = check(input);
	require_free_name(checked.name, 0);
	args[0] = wf_arg_text(checked.name);
	args[1] = wf_arg_text(checked.display_name);
	args[2] = wf_arg_text(checked.category);
	args[3] = wf_arg_text(checked.color != NULL ? checked.color : DEFAULT_COLOR);
	args[4] = WF_ARG_BOOL(!input->has_is_active || input->is_active);
	wf_spi_run(&insert, SPI_OK_INSERT_RETURNING, args);
	id = wf_spi_int64(0, 1);
	log_write("tag created", "create_tag", id, checked.name);
	return id;
}

void
wf_tag_update(int64 id, const WfTagInput *input)
{
	static WfQuery find =
		WF_QUERY("select name from whalefall.tags where id = $1 for update", INT8OID);
	static WfQuery update =
		WF_QUERY("update whalefall.tags set name = coalesce($2, name), "
				 "display_name = coalesce($3, display_name), category = coalesce($4, category), "
				 "color = coalesce($5, color), is_active = coalesce($6, is_active) where id = $1",
				 INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID);
	WfArg key[] = {WF_ARG_INT64(id)};
	Checked checked;
	WfArg args[6];
	char *name;

	wf_guard_require_ready();
	if (wf_spi_run(&find, SPI_OK_SELECT, key) == 0)
		wf_raise(WF_ERR_NOT_FOUND, psprintf("Tag " INT64_FORMAT " does not exist.", id), NULL);
	name = wf_spi_text(0, 1);
	checked = check(input);
	if (checked.name != NULL)
		require_free_name(checked.name, id);
	args[0] = WF_ARG_INT64(id);
	args[1] = wf_arg_text(checked.name);
	args[2] = wf_arg_text(checked.display_name);
	args[3] = wf_arg_text(checked.category);
	args[4] = wf_arg_text(checked.color);
	args[5] = input->has_is_active ? WF_ARG_BOOL(input->is_active) : WF_NULL;
	wf_spi_run(&update, SPI_OK_UPDATE, args);
	log_write("tag updated", "update_tag", id, checked.name != NULL ? checked.name : name);
}

WfTagRemoval
wf_tag_remove(int64 id)
{
	/* The row lock keeps new links away until the count below has been acted on. */
	static WfQuery find =
		WF_QUERY("select name, display_name from whalefall.tags where id = $1 for update", INT8OID);
	static WfQuery count =
		WF_QUERY("select count(*) from whalefall.instance_tags where tag_id = $1", INT8OID);
	static WfQuery remove = WF_QUERY("delete from whalefall.tags where id = $1", INT8OID);
	WfArg args[] = {WF_ARG_INT64(id)};
	WfTagRemoval removal = {0};

	if (wf_spi_run(&find, SPI_OK_SELECT, args) == 0)
		return removal;
	removal.found = true;
	removal.name = wf_spi_text(0, 1);
	removal.display_name = wf_spi_text(0, 2);
	wf_spi_run(&count, SPI_OK_SELECT, args);
	removal.instance_count = wf_spi_int64(0, 1);
	if (removal.instance_count == 0)
		wf_spi_run(&remove, SPI_OK_DELETE, args);
	return removal;
}

void
wf_tag_replace_links(int64 instance_id, ArrayType *codes)
{
	static WfQuery remove =
		WF_QUERY("delete from whalefall.instance_tags where instance_id = $1 "
				 "and tag_id not in (select id from whalefall.tags where name = any ($2))",
				 INT8OID, TEXTARRAYOID);
	static WfQuery add =
		WF_QUERY("insert into whalefall.instance_tags (instance_id, tag_id) "
				 "select $1, id from whalefall.tags where name = any ($2) on conflict do nothing",
				 INT8OID, TEXTARRAYOID);
	WfArg args[] = {WF_ARG_INT64(instance_id), WF_ARG(PointerGetDatum(codes))};

	wf_spi_run(&remove, SPI_OK_DELETE, args);
	wf_spi_run(&add, SPI_OK_INSERT, args);
}
