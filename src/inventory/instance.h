/*
 * instance.h - what other rooms may know of an instance.
 */
#ifndef WF_INVENTORY_INSTANCE_H
#define WF_INVENTORY_INSTANCE_H

#include "postgres.h"

typedef struct WfInstance
{
	int64 id;
	char *name;
	char *db_type;
	char *host;
	int port;
	char *database_name; /* never NULL: the engine's default when none is stored */
	char *tls_mode;
	char *tls_ca;			  /* PEM, or NULL */
	char *server_public_key;  /* PEM, or NULL; of MySQL alone, as the next */
	bool allow_cleartext_key; /* that key may be fetched from whoever answers */
	bool is_active;
	bool is_deleted;
	int64 credential_id; /* 0 = none */
} WfInstance;

typedef struct WfLogin
{
	char *username;
	char *password; /* clear text: wipe with wf_crypto_wipe as soon as it is sent */
} WfLogin;

/* Load an instance, palloc'd in the current context; NULL when there is none. SPI connected. */
extern WfInstance *wf_inventory_instance_find(int64 id);

/*
 * The login of a credential, decrypted. Raises CREDENTIAL_INVALID (none, disabled, no password) or
 * CREDENTIAL_DECRYPT_FAILED. SPI connected.
 */
extern void wf_inventory_login_open(int64 credential_id, WfLogin *login);

/* Outcome of a connection attempt, stored with the instance (domain 2.5). */
typedef struct WfConnectOutcome
{
	bool ok;
	const char *error_type;		  /* when not ok */
	const char *banner;			  /* database_version, when ok */
	const char *main_version;	  /* when ok; NULL = unknown */
	const char *detailed_version; /* when ok; NULL = unknown */
} WfConnectOutcome;

extern void wf_inventory_record_connect(int64 instance_id, const WfConnectOutcome *outcome);

/*
 * Split a version (domain 2.2, decision 41). version_num: PostgreSQL's number, else 0. main and detailed
 * get palloc'd texts; main is NULL when unknown.
 */
extern void wf_inventory_parse_version(const char *db_type, const char *banner, int version_num,
									   char **main_version, char **detailed_version);

/* The engine's default connect database ("postgres", "mysql", "master", "ORCL"). */
extern const char *wf_inventory_default_database(const char *db_type);

#endif
