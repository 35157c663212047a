-- Prosody without its server, for a program of its own (xmppfed_check.lua): the configuration of the federation connection
-- manager, Prosody's libraries, and of the gateway's modules those that decide and keep no state. Events and timers come to
-- nothing.
--
-- Run with the directory of the gateway's modules, once. Gives
--   load_module(name)               a module's environment
--   load_library(environment, name) what a library gives to a module with that environment

local directory = ...;

CFG_SOURCEDIR = "/usr/lib/prosody"; -- luacheck: ignore 111
package.path = CFG_SOURCEDIR.."/?.lua;"..package.path;
package.cpath = CFG_SOURCEDIR.."/?.so;"..package.cpath;
require "loader"; -- makes prosody.X of X

local startup = require "prosody.util.startup";
startup.init_global_state();
prosody.process_type = "prosodyctl";
prosody.opts = { config = "/etc/xmppfed/federation.cfg.lua" };
startup.read_config();
startup.load_libraries();

local config = require "prosody.core.configmanager";

local loaded = {};

local function nothing() end

local function load_file(name, environment)
	local path = ("%s/%s"):format(directory, name);
	return assert(loadfile(path, "t", environment))();
end

local function load_library(environment, name)
	return load_file(name..".lib.lua", environment);
end

local function load_module(name)
	if loaded[name] then return loaded[name]; end
	local environment = setmetatable({}, { __index = _G });
	loaded[name] = environment;
	environment.module = {
		set_global = nothing, hook = nothing, hook_global = nothing, add_timer = nothing, fire_event = nothing, log = nothing;
		get_option_string = function (_, option, default) return config.get("*", option) or default; end;
		depends = function (_, other) return load_module(other); end;
		require = function (_, library) return load_library(environment, library); end;
	};
	load_file("mod_"..name..".lua", environment);
	return environment;
end

return { load_module = load_module, load_library = load_library };
