# whalefall: build, install, test. `make help` lists the targets.
# The version stands in whalefall.control alone (not in VERSION: PGXS has a variable of that name).

EXTENSION   = whalefall
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" whalefall.control)
MODULE_big  = whalefall

PG_CONFIG  ?= pg_config

# Rooms of the server module, by rank (docs/design.md). src/remote/*.c is the workers' side of
# the helper programs; the programs themselves live in its subfolders and are linked apart.
ROOMS       = src/base src/remote src/inventory src/logs src/people src/runs src/connections src/accounts \
              src/capacity src/setup src/http bgworker
SOURCES     = $(sort $(foreach room,$(ROOMS),$(wildcard $(room)/*.c)))
OBJS        = $(SOURCES:.c=.o)

# The pieces of the install script, in load order.
SQL_PIECES  = $(sort $(wildcard sql/[0-9][0-9]_*.sql))
INSTALL_SQL = sql/$(EXTENSION)--$(EXTVERSION).sql
# An update script of a version that is not released may take over a whole new piece: \include 73_results.sql
# When that version is released, the script that was made of it (build/updates) takes its place in sql/updates.
UPDATE_SQL  = $(patsubst sql/%,build/%,$(wildcard sql/updates/*.sql))
DATA_built  = $(INSTALL_SQL) $(UPDATE_SQL)

WARNINGS    = -Wall -Wextra -Wshadow -Wno-unused-parameter $(WERROR)
# Server headers come by -isystem, so that the warnings speak of our code only.
PG_CPPFLAGS = -I$(CURDIR) -I$(CURDIR)/src -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null) \
              -DWF_VERSION='"$(EXTVERSION)"' '-DPGDLLEXPORT=__attribute__((visibility("default")))' -MMD -MP
PG_CFLAGS   = -fvisibility=hidden $(WARNINGS)
SHLIB_LINK  = -lcrypto
EXTRA_CLEAN = $(SOURCES:.c=.d) $(HELPERS) $(HELPER_OBJS) $(HELPER_OBJS:.o=.d) sql/whalefall--*.sql \
              build

# Helper programs: the only place where a database client library is linked.
HELPERS     = whalefall-remote-postgresql $(if $(MYSQL_LIBS),whalefall-remote-mysql)
HELPER_COMMON = $(patsubst %.c,%.o,$(wildcard src/remote/common/*.c))
HELPER_POSTGRESQL = $(patsubst %.c,%.o,$(wildcard src/remote/postgresql/*.c))
# For MySQL whichever library is there; without one that program is left out, and `make` says so.
MYSQL_PC   := $(firstword $(foreach pc,libmariadb mysqlclient,$(shell pkg-config --exists $(pc) 2>/dev/null && echo $(pc))))
MYSQL_LIBS := $(if $(MYSQL_PC),$(shell pkg-config --libs $(MYSQL_PC)))
MYSQL_INCLUDES := $(patsubst -I%,-isystem %,$(if $(MYSQL_PC),$(shell pkg-config --cflags $(MYSQL_PC))))
HELPER_MYSQL = $(if $(MYSQL_LIBS),$(patsubst %.c,%.o,$(wildcard src/remote/mysql/*.c)))
HELPER_OBJS = $(HELPER_COMMON) $(HELPER_POSTGRESQL) $(HELPER_MYSQL)
# The framing is shared: the same objects go into the server module and into the programs.
OBJS       += $(filter src/remote/common/frame.o,$(HELPER_COMMON))

# No bitcode: nothing here is inlined into queries. PGXS would assign it again, hence override.
override with_llvm = no
# On a bare machine there is no PGXS yet: `make test` and `make up` install it and start again.
PGXS       := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)
else
.PHONY: all install clean need-postgresql
all install $(HELPERS): need-postgresql
need-postgresql:
	@echo "no PostgreSQL server headers: run 'make packages', or set PG_CONFIG" >&2; exit 1
clean:
	rm -rf $(EXTRA_CLEAN) $(OBJS) $(MODULE_big).so
endif

all: $(HELPERS)
ifeq ($(MYSQL_LIBS),)
all: without-mysql
.PHONY: without-mysql
without-mysql:
	@echo "whalefall-remote-mysql is left out: pkg-config finds neither libmariadb nor mysqlclient"
endif

$(INSTALL_SQL): $(SQL_PIECES) whalefall.control
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION whalefall CASCADE" to load this file. \quit'; \
	   cat $(SQL_PIECES); } > $@

build/updates/%.sql: sql/updates/%.sql $(SQL_PIECES)
	@mkdir -p $(@D)
	@awk '/^\\include / { while ((got = (getline line < ("sql/" $$2))) > 0) print line; if (got < 0) exit 1; next } \
	      { print }' $< > $@.new && mv $@.new $@

whalefall-remote-postgresql: $(HELPER_COMMON) $(HELPER_POSTGRESQL)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -L$(libdir) -lpq -ljansson

whalefall-remote-mysql: $(HELPER_COMMON) $(HELPER_MYSQL)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(MYSQL_LIBS) -ljansson -ldl

$(HELPER_MYSQL): HELPER_INCLUDES = $(MYSQL_INCLUDES)
$(HELPER_OBJS): %.o: %.c
	$(CC) $(CFLAGS) $(WARNINGS) -fPIC -fvisibility=hidden -I$(CURDIR)/src $(HELPER_INCLUDES) -isystem $(includedir) \
	    -D_GNU_SOURCE -DWF_VERSION='"$(EXTVERSION)"' -MMD -MP -c -o $@ $<

install: install-helpers
install-helpers: $(HELPERS)
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) $(HELPERS) '$(DESTDIR)$(bindir)'

# The version is compiled in.
$(OBJS) $(HELPER_OBJS): whalefall.control

-include $(SOURCES:.c=.d) $(HELPER_OBJS:.o=.d)
-include deploy/targets.mk
