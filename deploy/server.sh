# The control plane that `make up` runs from this checkout: where it lives, whether it runs, how it
# starts and stops. Sourced by up, down, clean-up and psql, after common.sh.
# shellcheck shell=bash

# In the checkout: what a person looks for. The rest is there too, unless the server's user cannot
# enter the checkout (it lies below /root); then WF_STATE is elsewhere and .whalefall/state names it.
WF_LOCAL=$WF_ROOT/.whalefall
WF_OUTSIDE=/var/lib/whalefall-$(wf_path_hash "$WF_ROOT")

# Makes sure that one script at a time works on this checkout. The lock is on the folder itself, so no
# file is left behind. It is inherited by build steps on purpose: when this script is killed, the
# next one waits until they are through.
wf_lock()
{
	exec 9< "$WF_ROOT"
	if ! flock -n 9; then
		echo "another command is at work in $WF_ROOT; waiting for it"
		flock -w 900 9 || wf_die "gave up waiting"
	fi
}

# Sets the paths below WF_STATE.
wf_state()
{
	if [ -e "$WF_LOCAL/state" ]; then
		WF_STATE=$(cat "$WF_LOCAL/state")
		# Only these two can have been written there; anything else must not be followed, or removed.
		[ "$WF_STATE" = "$WF_OUTSIDE" ] || [ "$WF_STATE" = "$WF_LOCAL" ] ||
			wf_die "$WF_LOCAL/state does not belong to this checkout (was it moved or copied?); remove $WF_LOCAL"
	elif [ "$(id -u)" -eq 0 ] && ! wf_enterable "$WF_ROOT"; then
		WF_STATE=$WF_OUTSIDE
	else
		WF_STATE=$WF_LOCAL
	fi
	WF_DATA=$WF_STATE/data
	WF_SECRETS=$WF_STATE/secrets
	WF_LOG=$WF_STATE/log/server.log
	WF_TREE=$WF_STATE/tree
	WF_FRONT=$WF_STATE/front
	# A socket's path has 107 bytes at most; those of deploy/front lie two folders deeper.
	WF_RUN=$WF_STATE/run
	if [ ${#WF_RUN} -gt 75 ]; then
		if [ "$(id -u)" -eq 0 ]; then
			WF_RUN=/run/whalefall-$(wf_path_hash "$WF_ROOT")
		else
			WF_RUN=/tmp/whalefall-$(id -u)-$(wf_path_hash "$WF_ROOT")
		fi
	fi
}

# Makes a folder that only the server's user can enter. One that is there already must be exactly
# that: /tmp is anybody's.
wf_private_dir()
{
	local user

	user=$(wf_server_user)
	if [ ! -e "$1" ] && [ ! -L "$1" ]; then
		mkdir -m 700 "$1"
		chown "$user" "$1"
	fi
	[ ! -L "$1" ] && [ "$(stat -c '%F %U %a' "$1")" = "directory $user 700" ] ||
		wf_die "$1 is not a folder of user $user with mode 700"
}

# Prints the postmaster's process id when it runs. A number in a stale file may belong to somebody
# else by now, so the process must also work in our data folder.
wf_server_pid()
{
	local pid

	pid=$(head -1 "$WF_DATA/postmaster.pid" 2>/dev/null || true)
	if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$WF_DATA" ]; then
		echo "$pid"
	fi
}

# Prints the processes that work in the data folder: the postmaster and all it has started.
wf_server_processes()
{
	local cwd

	for cwd in /proc/[0-9]*/cwd; do
		if [ "$(readlink "$cwd" 2>/dev/null)" = "$WF_DATA" ]; then
			cwd=${cwd#/proc/}
			echo "${cwd%/cwd}"
		fi
	done
}

# Waits until none of them is left; false after $1 seconds.
wf_wait_gone()
{
	local end=$((SECONDS + $1))

	while [ -n "$(wf_server_processes)" ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# Stops nginx and PostgREST, if they were ever started.
wf_front_stop()
{
	[ ! -e "$WF_FRONT/paths" ] || "$WF_ROOT/deploy/front" stop "$WF_FRONT"
}

# Stops the server: at a transaction's end, then at once, then by force. Works without the tree.
wf_server_stop()
{
	local pid signal processes

	for signal in INT QUIT KILL; do
		pid=$(wf_server_pid)
		processes=$(wf_server_processes)
		[ -n "$processes" ] || break
		if [ -n "$pid" ] && [ $signal != KILL ]; then
			kill -$signal "$pid" 2>/dev/null || true
		elif [ $signal = KILL ]; then
			# shellcheck disable=SC2086
			kill -KILL $processes 2>/dev/null || true
		fi
		wf_wait_gone 30 && break
	done
	[ -z "$(wf_server_processes)" ] || wf_die "the server does not stop"
	# The file of a postmaster that was killed, or is dead and not yet collected by its parent,
	# would keep the next one from starting.
	rm -f "$WF_DATA/postmaster.pid" "$WF_RUN"/.s.PGSQL.*
}

# True when nobody listens on the loopback port $1.
wf_port_free()
{
	! (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Quotes text for postgresql.conf.
wf_conf_quote()
{
	printf "'%s'" "${1//\'/\'\'}"
}

# Writes the server's settings for port $1. Not in the data folder: nothing that root writes lies
# in a folder of another user.
wf_write_conf()
{
	cat > "$WF_STATE/server.conf.new" <<-END
		# Written by deploy/up; changes made here are lost.
		listen_addresses = '127.0.0.1'
		port = $1
		unix_socket_directories = $(wf_conf_quote "$WF_RUN")
		max_connections = 60
		shared_preload_libraries = 'whalefall'
		whalefall.database = 'whalefall'
		whalefall.key_file = $(wf_conf_quote "$WF_SECRETS/whalefall.key")
		whalefall.jwt_file = $(wf_conf_quote "$WF_SECRETS/whalefall.jwt")
		password_encryption = 'scram-sha-256'
		log_line_prefix = '%m [%p] %b %q%u@%d '
	END
	mv "$WF_STATE/server.conf.new" "$WF_STATE/server.conf"
}

# What a running server has loaded: changes when it must be restarted.
wf_loaded()
{
	cat "$WF_STATE/server.conf" "$(find "$WF_TREE" -name whalefall.so | head -1)" | sha256sum
}

# Waits until the server takes connections; false after 60 s.
wf_server_ready()
{
	local end=$((SECONDS + 60))

	until "$WF_BIN/pg_isready" -q -h "$WF_RUN" -p "$(cat "$WF_STATE/port")" -U postgres -d postgres -t 2; do
		[ $SECONDS -lt $end ] && [ -n "$(wf_server_pid)" ] || return 1
		sleep 0.1
	done
}

# Starts the server on the port of last time, else the preferred one, else the next that is free.
# Another program may take the port between our look and the start, hence the loop.
wf_server_start()
{
	local port try=0 from

	wf_private_dir "$WF_RUN"
	port=$(cat "$WF_STATE/port" 2>/dev/null || echo "${WHALEFALL_PORT:-5433}")
	while [ $((try += 1)) -le 50 ]; do
		until wf_port_free "$port"; do
			port=$((port + 1))
			[ "$port" -le 65000 ] || wf_die "no free port"
		done
		wf_write_conf "$port"
		echo "$port" > "$WF_STATE/port"
		# Ours while the server is down: the file cannot grow without limit.
		if [ "$(stat -c %s "$WF_LOG" 2>/dev/null || echo 0)" -gt 50000000 ]; then
			wf_as_server mv "$WF_LOG" "$WF_LOG.old"
		fi
		from=$(stat -c %s "$WF_LOG" 2>/dev/null || echo 0)
		# The server must not inherit our lock.
		wf_as_server env LC_ALL=C.UTF-8 "$WF_BIN/pg_ctl" -D "$WF_DATA" -l "$WF_LOG" -w -t 60 -s start \
			</dev/null >/dev/null 2>&1 9>&- || true
		if [ -n "$(wf_server_pid)" ] && wf_server_ready; then
			wf_loaded > "$WF_STATE/loaded"
			return 0
		fi
		if tail -c +$((from + 1)) "$WF_LOG" | grep -q 'Address already in use'; then
			port=$((port + 1))
			continue
		fi
		echo "the server does not start; the end of $WF_LOG:" >&2
		tail -c +$((from + 1)) "$WF_LOG" | tail -20 >&2
		return 1
	done
	return 1
}
