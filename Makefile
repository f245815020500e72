# SPDX-License-Identifier: MIT
# crun: build, test, install. `make help` lists the targets. Everything built lands in build/.

# --- What may be overridden on the command line or by the environment ---------------------------------------------
CC ?= cc
INSTALL ?= install
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
LIBFLAG ?= -shared
LUA ?= lua5.4
PROGNAME ?= crun
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib/lua/5.4
LUADIR ?= $(PREFIX)/share/lua/5.4
SYSLIBDIR ?= $(PREFIX)/lib
INCDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
# FLAVOUR=asan|tsan|ucontext|gcstress|valgrind builds a variant of everything in build/<flavour>/.
# SWITCH=asm|ucontext says how tasks change C stacks: by assembly where there is some for the processor. V=1 shows all.
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
SWITCH ?= $(if $(wildcard runtime/switch_$(ARCH).S),asm,ucontext)
pc = $(shell $(PKG_CONFIG) $1 2>/dev/null)
LUA_PC ?= lua5.4
pc_lua_inc := $(patsubst -I%,%,$(firstword $(call pc,--cflags-only-I $(LUA_PC))))
pc_lua_dir := $(call pc,--variable=libdir $(LUA_PC))
pc_uv_inc := $(call pc,--variable=includedir libuv)
pc_uv_dir := $(call pc,--variable=libdir libuv)
LUA_INCDIR ?= $(or $(pc_lua_inc),/usr/include)
LUA_STATIC ?= $(firstword $(wildcard $(pc_lua_dir)/lib$(LUA_PC).a $(pc_lua_dir)/liblua.a))
LIBUV_INCDIR ?= $(or $(pc_uv_inc),/usr/include)
LIBUV_LIBDIR ?= $(pc_uv_dir)
# Line editing at the interactive prompt, where libedit is there to build with; LIBEDIT= does without.
LIBEDIT ?= $(call pc,--libs libedit)

# --- Flavours ------------------------------------------------------------------------------------------------------
in_flavour := asan tsan ucontext gcstress valgrind
# CRUN_CHILD_TIMEOUT and CRUN_SPEC_SCALE tell the specs how slow the flavour is. Left out are specs on what the checker
# itself changes: when signals arrive, and which descriptors are open.
skip := $(if $(filter asan tsan valgrind,$(FLAVOUR)),--exclude-tags=nosan)
ifeq ($(FLAVOUR),asan)
  flavour_flags := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
  test_env := CRUN_CHILD_TIMEOUT=60 CRUN_SPEC_SCALE=0.2
else ifeq ($(FLAVOUR),tsan)
  flavour_flags := -O1 -fno-omit-frame-pointer -fsanitize=thread
  test_env := CRUN_CHILD_TIMEOUT=60 CRUN_SPEC_SCALE=0.1
  except := inter|docs|prefork
else ifeq ($(FLAVOUR),ucontext)
  SWITCH := ucontext
else ifeq ($(FLAVOUR),gcstress)
  bindings_flags := -include spec/support/gcstress.h
  test_env := CRUN_CHILD_TIMEOUT=60 CRUN_GCSTRESS=1
else ifeq ($(FLAVOUR),valgrind)
  test_env := CRUN_CHILD_TIMEOUT=120 CRUN_SPEC_SCALE=0.02 CRUN_PROGRAM='$(CURDIR)/build/valgrind/$(PROGNAME)'
  except := closed_standard|command_line|docs|examples|inter|process_end|program|scarce_descriptors
  under := valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite
else ifneq ($(FLAVOUR),)
  $(error FLAVOUR=$(FLAVOUR) is not one of: $(in_flavour))
endif

# --- Required flags: never appended to CFLAGS, which a command line may replace ------------------------------------
warnings := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(if $(CI),-Werror)
c_flags := -std=c11 -fvisibility=hidden -pthread $(warnings) $(flavour_flags)
uv_flags := $(addprefix -isystem ,$(filter-out /usr/include,$(LIBUV_INCDIR)))
cpp_flags := -D_GNU_SOURCE= -I. -Iruntime/include -Ibindings/include $(uv_flags) \
  $(if $(filter ucontext,$(SWITCH)),-DCRUN_SWITCH_UCONTEXT)
lua_flags := -isystem $(LUA_INCDIR) $(bindings_flags)
pic_flags := -fPIC -ftls-model=initial-exec
libs := $(if $(filter-out /usr/lib%,$(LIBUV_LIBDIR)),-L$(LIBUV_LIBDIR)) -luv -lm -ldl -pthread
link = $(CC) $(CFLAGS) $(flavour_flags) $(LDFLAGS)

# --- Sources and products ------------------------------------------------------------------------------------------
B := build$(if $(FLAVOUR),/$(FLAVOUR))
version := $(shell sed -n 's/^\#define CRUN_VERSION "\(.*\)"/\1/p' runtime/include/crun/version.h)
abi := $(basename $(version))

switch_src := $(if $(filter asm,$(SWITCH)),runtime/switch_$(ARCH).S,runtime/switch_ucontext.c)
runtime_src := $(filter-out runtime/switch_%,$(wildcard runtime/*.c)) $(switch_src)
program_src := $(wildcard bindings/main.c bindings/prog_*.c)
bindings_src := $(filter-out $(program_src),$(wildcard bindings/*.c))
faces := $(sort $(wildcard lua/crun/*.lua lua/crun/*/*.lua))
ctest_src := $(wildcard spec/c/test_*.c)
ctest_help_src := $(filter-out $(ctest_src),$(wildcard spec/c/*.c))
embed_src := $(wildcard examples/embed/*.c)

objects = $(patsubst %,$(B)/$1/%.o,$(basename $2))
runtime_obj := $(call objects,obj,$(runtime_src))
bindings_obj := $(call objects,obj,$(bindings_src))
shared_runtime := $(call objects,pic,$(runtime_src))
shared_all := $(shared_runtime) $(call objects,pic,$(bindings_src))
program_obj := $(call objects,obj,$(program_src)) $(B)/gen/faces.o
ctest_help_obj := $(call objects,obj,$(ctest_help_src))

program := $(B)/$(PROGNAME)
module := $(B)/lib/crun/core.so
libraries := $(B)/libcrun.a $(B)/libcrun.so.$(version) $(B)/libcrun-lua.so.$(version)
ctests := $(patsubst spec/c/%.c,$(B)/spec/%,$(ctest_src))
embeds := $(patsubst examples/%.c,$(B)/examples/%,$(embed_src))

.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $1 '$@')

.PHONY: module missing ubsan $(shell sed -n 's/^\([a-z][a-z -]*\):.*\#\# .*/\1/p' Makefile)
all: $(program) $(module) $(libraries) $(embeds) ## build the program, the module and the libraries
module: $(module)
# Named before the first file that would fail, with the package that brings it.
missing := $(if $(and $(wildcard $(LUA_INCDIR)/lua.h),$(wildcard $(LIBUV_INCDIR)/uv.h)),,missing)
missing:
	@.ci/deps check build

# --- Compiling: a change of the Makefile rebuilds, headers are tracked by the compiler ------------------------------
$(B)/obj/bindings/% $(B)/pic/bindings/% $(B)/obj/spec/c/test_lua% $(B)/obj/examples/%: cpp_flags += $(lua_flags)
$(B)/pic/%: c_flags += $(pic_flags)

define rule
$(B)/$1/%.o: %$2 Makefile | $(missing)
	$$(call say,CC)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) $$(c_flags) $$(cpp_flags) $$(CPPFLAGS) -MMD -MP -c -o $$@ $$<
endef
$(foreach dir,obj pic,$(foreach suffix,.c .S,$(eval $(call rule,$(dir),$(suffix)))))
$(if $(LIBEDIT),$(eval $(B)/obj/bindings/prog_input.o: cpp_flags += -DCRUN_LIBEDIT $(call pc,--cflags-only-I libedit)))
-include $(patsubst %.o,%.d,$(runtime_obj) $(bindings_obj) $(shared_all) $(program_obj) $(ctest_help_obj) \
  $(ctests:$(B)/spec/%=$(B)/obj/spec/c/%.o) $(embeds:$(B)/%=$(B)/obj/%.o))

# Rewritten only when a source appears or goes, so that products are linked anew then too.
inputs := $(runtime_src) $(bindings_src) $(program_src) $(faces) $(ctest_help_src)
$(B)/gen/inputs: FORCE
	@mkdir -p $(@D)
	@echo '$(inputs)' | cmp -s - $@ || echo '$(inputs)' >$@
FORCE:

$(B)/gen/faces.c: $(faces) .ci/embed $(B)/gen/inputs
	$(call say,EMBED)
	$(Q).ci/embed $(faces) >$@
$(B)/gen/faces.o: $(B)/gen/faces.c bindings/embedded.h
	$(Q)$(CC) $(CFLAGS) $(c_flags) $(cpp_flags) $(CPPFLAGS) -c -o $@ $<

# --- Linking -------------------------------------------------------------------------------------------------------
$(program): $(runtime_obj) $(bindings_obj) $(program_obj) $(B)/gen/inputs bindings/program.map \
    | $(if $(LUA_STATIC),,missing)
	$(call say,LINK)
	$(Q)$(link) -Wl,--dynamic-list=bindings/program.map -Wl,--wrap=lua_resume -o $@ $(filter %.o,$^) \
	  -Wl,--whole-archive $(LUA_STATIC) -Wl,--no-whole-archive $(libs) $(LIBEDIT) $(LDLIBS)

$(module): $(shared_all) $(B)/gen/inputs bindings/module.map
	$(call say,LINK)
	$(Q)mkdir -p $(@D)
	$(Q)$(link) $(LIBFLAG) -Wl,--version-script=bindings/module.map -o $@ $(filter %.o,$^) $(libs) $(LDLIBS)

$(B)/libcrun.a: $(bindings_obj)
$(B)/obj/libruntime.a $(B)/libcrun.a: $(runtime_obj) $(B)/gen/inputs
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

# Two shared libraries, as a host without Lua could not resolve the bindings' Lua symbols.
$(B)/libcrun.so.$(version): $(shared_runtime)
$(B)/libcrun.so.$(version): complete := -Wl,-z,defs
$(B)/libcrun-lua.so.$(version): $(shared_all)
$(B)/lib%.so.$(version): $(B)/gen/inputs runtime/libcrun.map
	$(call say,LINK)
	$(Q)$(link) -shared -Wl,--version-script=runtime/libcrun.map $(complete) -Wl,-soname,lib$*.so.$(abi) -o $@ \
	  $(filter %.o,$^) $(libs) $(LDLIBS)
	$(Q)ln -sf $(@F) $(B)/lib$*.so.$(abi) && ln -sf $(@F) $(B)/lib$*.so

# A C test stands on the runtime alone, so that it needs no Lua; test_lua_*.c has the bindings too.
$(B)/spec/test_lua%: with_lua := $(LUA_STATIC)
$(B)/spec/%faults: wraps := $(addprefix -Xlinker --wrap=,malloc calloc realloc aligned_alloc strdup free mmap munmap)
$(filter $(B)/spec/test_lua%,$(ctests)): $(B)/libcrun.a
$(B)/spec/%: $(B)/obj/spec/c/%.o $(ctest_help_obj) $(B)/obj/libruntime.a
	$(call say,LINK)
	$(Q)mkdir -p $(@D)
	$(Q)$(link) $(wraps) -o $@ $(filter %.o,$^) $(or $(filter %/libcrun.a,$^),$(B)/obj/libruntime.a) $(with_lua) \
	  $(libs) $(LDLIBS)
$(B)/examples/%: $(B)/obj/examples/%.o $(B)/libcrun.a
	$(call say,LINK)
	$(Q)mkdir -p $(@D)
	$(Q)$(link) -o $@ $^ $(LUA_STATIC) $(libs) $(LDLIBS)

# --- Running and testing -------------------------------------------------------------------------------------------
lua_path := $(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;
lua_cpath := $(CURDIR)/build/lib/?.so;;
# SPECS names spec files or folders, SPEC_FLAGS is for busted: make check SPECS=spec/queue_spec.lua. See .ci/each.
SPECS ?= spec
each = $(if $(FLAVOUR)$(filter spec,$(SPECS)),EXCEPT='$(except)' .ci/each '$(SPECS)')
specs = .ci/specs.lua $(skip) $(SPEC_FLAGS) $(if $(each),,$(SPECS))
test_env += CRUN_BUILD='$(CURDIR)/$(B)' CRUN_BIN='$(under) $(CURDIR)/$(program)' LUA_BIN='$(LUA)'

run: deps ## install what is missing, build, run examples/01-tour.lua
	@$(MAKE) --no-print-directory all
	$(program) examples/01-tour.lua
deps deps-test:; @.ci/deps install $(if $(filter deps,$@),build,test) ## install what the build, or the tests, need
test: deps-test ## install what the tests need, build, run every test
	@.ci/steps all gcstress valgrind check check-bin asan tsan ucontext check-c aarch64
check: all ## the specs under stock lua5.4; SPECS=file SPEC_FLAGS=--filter=...
	$(test_env) LUA_PATH='$(lua_path)' LUA_CPATH='$(lua_cpath)' $(each) $(LUA) $(specs)
check-bin: $(if $(FLAVOUR),$(program) $(embeds),all) ## the specs under the program
	$(test_env) $(each) $(under) $(program) $(specs)
check-c: $(ctests) ## the C tests of runtime/
	@$(test_env) UNDER='$(under)' .ci/ctests $(ctests)
examples:; @$(MAKE) --no-print-directory check-bin SPECS=spec/examples_spec.lua ## the examples, their output compared
ubsan: asan
asan tsan ucontext gcstress valgrind: ## C tests and specs in that flavour, in build/<flavour>
	@$(MAKE) --no-print-directory FLAVOUR=$@ check-c check-bin
aarch64:; @.ci/aarch64 build/aarch64 $(cpp_flags) ## the assembly for aarch64, under qemu
bench: all; @bench/run $(BENCH_FLAGS) ## one table: crun beside the peers found here
env: ## export lines with which a stock lua5.4 finds this checkout
	@printf "export LUA_PATH='%s'\nexport LUA_CPATH='%s'\n" '$(lua_path)' '$(lua_cpath)'

# --- Checks that run nothing ---------------------------------------------------------------------------------------
lint fuzz:; @.ci/$@ $(cpp_flags) $(lua_flags) ## luacheck, clang-format, clang-tidy; the fuzzers, CRUN_FUZZ_SECONDS=60
format:; @.ci/lint format ## let clang-format rewrite the C sources
layers:; @CC='$(CC)' .ci/layers $(cpp_flags) $(lua_flags) ## what may include what
symbols: all; @.ci/symbols $(B) $(PROGNAME) ## what the products export
sizes laws:; @.ci/$@ ## lengths of files, functions and lines; a spec for each law
lua-suite: all; @.ci/lua-suite ## the official Lua tests (from folder LUA_SUITE) under both interpreters
install-check: all; @.ci/install-check $(PROGNAME) $(LUA) ## install into temporary folders, use everything from there

# --- Installing ----------------------------------------------------------------------------------------------------
headers := $(wildcard runtime/include/crun/*.h bindings/include/crun/*.h)
put = $(INSTALL) -d '$(DESTDIR)$2' && $(INSTALL) -m $3 $1 '$(DESTDIR)$2'
install: install-program install-module install-lib ## everything; DESTDIR= PREFIX=
install-program: $(program) ## the program and its manual page
	$(call put,$(program),$(BINDIR),755)
	$(INSTALL) -d '$(DESTDIR)$(MANDIR)/man1' && $(INSTALL) -m 644 docs/crun.1 '$(DESTDIR)$(MANDIR)/man1/$(PROGNAME).1'
install-module: $(module) ## the module for stock Lua, its Lua faces, definitions for editors
	$(call put,$(module),$(LIBDIR)/crun,755)
	$(foreach dir,$(sort $(dir $(faces))),$(call put,$(wildcard $(dir)*.lua),$(LUADIR)/$(dir:lua/%=%),644) &&) true
	$(call put,$(wildcard docs/luals/library/*.lua),$(PREFIX)/share/crun/luals,644)
install-lib: $(libraries) ## the libraries for C hosts, headers, pkg-config files
	$(call put,$(headers),$(INCDIR)/crun,644)
	$(call put,$(B)/libcrun.a,$(SYSLIBDIR),644) && ln -sf libcrun.a '$(DESTDIR)$(SYSLIBDIR)/libcrun-lua.a'
	$(call put,$(filter-out %.a,$(libraries)),$(SYSLIBDIR),755)
	cp -P $(foreach l,libcrun libcrun-lua,$(B)/$l.so $(B)/$l.so.$(abi)) '$(DESTDIR)$(SYSLIBDIR)'
	$(INSTALL) -d '$(DESTDIR)$(SYSLIBDIR)/pkgconfig'
	.ci/pc '$(DESTDIR)$(SYSLIBDIR)/pkgconfig' PREFIX='$(PREFIX)' LIBDIR='$(SYSLIBDIR)' INCDIR='$(INCDIR)' \
	  VERSION='$(version)' LUA='$(LUA_PC)'
uninstall: ## remove what install put there
	cd '$(DESTDIR)/' && rm -rf '.$(INCDIR)/crun' '.$(LUADIR)/crun' '.$(LIBDIR)/crun' '.$(PREFIX)/share/crun' \
	  '.$(BINDIR)/$(PROGNAME)' '.$(MANDIR)/man1/$(PROGNAME).1' $(foreach l,crun crun-lua, \
	  '.$(SYSLIBDIR)/lib$l'.so* '.$(SYSLIBDIR)/lib$l.a' '.$(SYSLIBDIR)/pkgconfig/$l.pc')
dist: ## build/crun-<version>.tar.gz of the committed tree
	@mkdir -p build && git archive --prefix=crun-$(version)/ -o build/crun-$(version).tar.gz HEAD
clean:; rm -rf build ## remove build/
help: ## this list
	@sed -n 's/^\([a-z][a-z -]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
	  while IFS='|' read -r target text; do printf '%-24s %s\n' "$$target" "$$text"; done
