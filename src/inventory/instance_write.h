/*
 * instance_write.h - registering, changing and removing instances.
 */
#ifndef WF_INVENTORY_INSTANCE_WRITE_H
#define WF_INVENTORY_INSTANCE_WRITE_H

#include "postgres.h"

/* Input as it came: untrimmed; NULL or has_... false = absent. */
typedef struct WfInstanceInput
{
	char *name;
	char *db_type;
	char *host;
	bool has_port;
	int port;
	char *database_name;
	bool has_credential_id;
	int64 credential_id;
	char *description;
	bool has_is_active;
	bool is_active;
	char *tls_mode;
	char *tls_ca;
	char *server_public_key;
	bool has_allow_cleartext_key;
	bool allow_cleartext_key;
	bool clears_database_name;
	bool clears_credential_id;
	bool clears_description;
	bool clears_tls_mode;
	bool clears_tls_ca;
	bool clears_server_public_key;
} WfInstanceInput;

/*
 * Check and store; gives the id. Raises VALIDATION_ERROR, CONSTRAINT_VIOLATION (name taken, also by a deleted
 * instance). Each writes its log row. SPI connected.
 */
extern int64 wf_instance_create(const WfInstanceInput *input);

/* Change the given fields of an instance that is not deleted. Raises also RESOURCE_NOT_FOUND. */
extern void wf_instance_update(int64 id, const WfInstanceInput *input);

/* Put into the recycle bin; a second time changes nothing. Raises RESOURCE_NOT_FOUND. */
extern void wf_instance_delete(int64 id);

/* Take out of the recycle bin; is_active stays as it was. False when it did not lie there. Raises RESOURCE_NOT_FOUND. */
extern bool wf_instance_restore(int64 id);

/*
 * The rules for a new instance without storing it, for imports: its trimmed texts and canonical type replace
 * those of the input (blank ones become NULL). The name may still be taken. Raises VALIDATION_ERROR.
 */
extern void wf_instance_check(WfInstanceInput *input);

#endif
