/*
 * tag.h - writing tags and their links to instances.
 */
#ifndef WF_INVENTORY_TAG_H
#define WF_INVENTORY_TAG_H

#include "postgres.h"

#include "utils/array.h"

/* The contract's Tag (2.3) from the view whalefall_api.tags t, and the order tags are always shown in. */
#define WF_TAG_COLUMNS                                                                              \
	"t.id, t.name, t.display_name, t.category, t.color, t.color_value, t.color_name, t.css_class, " \
	"t.is_active, t.created_at, t.updated_at"
#define WF_TAG_ORDER "t.category, t.display_name, t.name"

/* Condition: the instance with this id has any of the tags whose codes are in this text[]. */
#define WF_INSTANCE_HAS_TAG(id, codes)                                                        \
	"exists (select from whalefall.instance_tags l join whalefall.tags t on t.id = l.tag_id " \
	"where l.instance_id = " id " and t.name = any (" codes "))"

/*
 * Are the tables of tags there? They are not between the installation of this library and ALTER EXTENSION
 * whalefall UPDATE, where what needs no tags must go on working.
 */
extern bool wf_tag_tables_exist(void);

/* Input as it came: untrimmed; NULL or has_... false = absent. */
typedef struct WfTagInput
{
	char *name;
	char *display_name;
	char *category;
	char *color;
	bool has_is_active;
	bool is_active;
} WfTagInput;

/* Check and store a new tag; gives its id. Raises VALIDATION_ERROR, NAME_EXISTS. Logs. SPI connected. */
extern int64 wf_tag_create(const WfTagInput *input);

/* Change the given fields of a tag. Raises also RESOURCE_NOT_FOUND. Logs. SPI connected. */
extern void wf_tag_update(int64 id, const WfTagInput *input);

/* What came of removing a tag. */
typedef struct WfTagRemoval
{
	bool found;
	int64 instance_count; /* instances that have it; it stays when there are any */
	char *name;
	char *display_name;
} WfTagRemoval;

/* Remove a tag that no instance has; says what came of it and logs nothing. SPI connected. */
extern WfTagRemoval wf_tag_remove(int64 id);

/* Give an instance exactly the tags with these codes (text[]); unknown codes are ignored. SPI connected. */
extern void wf_tag_replace_links(int64 instance_id, ArrayType *codes);

#endif
