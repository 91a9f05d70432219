# Shared by the scripts of deploy/ and by test/run: where PostgreSQL is, which user may run a
# server, and how to say what went wrong. Sourced, never run.
# shellcheck shell=bash

umask 022
WF_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
WF_PG_MIN=15
WF_PG_MAX=18

# Ends the script with a message that names the script.
wf_die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# Prints the pg_config to use: $PG_CONFIG, else the one of the PATH, else the newest below
# /usr/lib/postgresql. Prints nothing when there is none.
wf_pg_config()
{
	local candidate

	if [ -n "${PG_CONFIG:-}" ]; then
		command -v "$PG_CONFIG" || true
		return 0
	fi
	for candidate in "$(command -v pg_config || true)" \
		$(ls -rv /usr/lib/postgresql/*/bin/pg_config 2>/dev/null || true); do
		if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
			echo "$candidate"
			return 0
		fi
	done
}

# Prints the major version of a pg_config ($1), or nothing when it has none.
wf_pg_major()
{
	[ -n "$1" ] && "$1" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p'
	return 0
}

# Prints the user that runs servers: never root, which PostgreSQL refuses.
wf_server_user()
{
	if [ "$(id -u)" -ne 0 ]; then
		id -un
	elif id -u postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# Runs a command as the server user, in a folder it can enter and without the caller's secrets in
# its environment: HOME of root would make libpq look for files that it may not read.
wf_as_server()
{
	if [ "$(id -u)" -ne 0 ]; then
		(cd / && exec "$@")
	else
		(cd / && exec runuser -u "$(wf_server_user)" -- env HOME=/ "$@")
	fi
}

# True when the server user can enter the folder $1.
wf_enterable()
{
	wf_as_server test -x "$1"
}

# Prints a name for the folder $1 that is short, and different for every other folder.
wf_path_hash()
{
	printf '%s' "$1" | sha256sum | cut -c1-12
}

# Prints the folder for what is downloaded or built once and kept between runs. Root's own home is
# closed to the server user, so root keeps it in /var/cache.
wf_cache_dir()
{
	if [ -n "${WHALEFALL_CACHE:-}" ]; then
		echo "$WHALEFALL_CACHE"
	elif [ "$(id -u)" -eq 0 ]; then
		echo /var/cache/whalefall
	else
		echo "${XDG_CACHE_HOME:-${HOME:-/tmp/whalefall-$(id -u)}/.cache}/whalefall"
	fi
}
