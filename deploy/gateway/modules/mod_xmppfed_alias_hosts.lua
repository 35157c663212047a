-- Federation connection manager, global: aliases that come and go while the process runs. Each is a Component like a local
-- domain.
--
-- Options:
--   xmppfed_domain_modules (array)   what each Component has of modules
--
-- Invariants: a Component goes when no stream is for it any more, or none has ended for `patience`: Prosody's s2smanager
-- looks hosts up by name when a stream ends. Until then it takes no stanza: its routers have left. Streams of other
-- domains are not touched.

module:set_global();

local config = require "prosody.core.configmanager";
local hostmanager = require "prosody.core.hostmanager";
local monotonic = require "prosody.util.time".monotonic;

local modules = module:get_option_array("xmppfed_domain_modules");
local patience = 30; -- seconds

local hosts = prosody.hosts;
local wanted = {};    -- domain -> true
local active = {};    -- domain -> true: Components that this module has made
local leaving = {};   -- domain -> when it began to
local started = false;

local function activate(domain)
	if active[domain] then return; end
	if rawget(hosts, domain) then return ("%s is a domain of this federation"):format(domain); end
	config.set(domain, "component_module", "component");
	config.set(domain, "modules_enabled", modules);
	config.set(domain, "xmppfed_alias", true);
	local ok, err = hostmanager.activate(domain);
	if not ok then return err; end
	active[domain] = true;
	module:log("info", "Alias %s is served", domain);
end

-- Ends the streams of a domain in order. Gives how many are left.
local function end_streams(domain)
	local sessions = {};
	for session in pairs(prosody.incoming_s2s) do
		if session.to_host == domain then table.insert(sessions, session); end
	end
	for _, session in pairs(hosts[domain].s2sout) do
		if session.direction == "outgoing" then table.insert(sessions, session); end
	end
	for _, session in ipairs(sessions) do
		if not session.xmppfed_leaving then
			session.xmppfed_leaving = true;
			session:close({ condition = "host-gone", text = "This alias is served no longer" });
		end
	end
	return #sessions;
end

local function deactivate(domain)
	hostmanager.deactivate(domain, { condition = "host-gone", text = "This alias is served no longer" });
	active[domain], leaving[domain] = nil, nil;
	module:log("info", "Alias %s is served no longer", domain);
end

-- What goes, once a second until it is gone
local function look_after_leaving()
	for domain, since in pairs(leaving) do
		if end_streams(domain) == 0 or monotonic() - since > patience then deactivate(domain); end
	end
	return next(leaving) and 1 or nil;
end

-- Gives why it cannot be
local function apply()
	local refusal;
	for domain in pairs(wanted) do
		if leaving[domain] then deactivate(domain); end
		refusal = activate(domain) or refusal;
	end
	local none_left = not next(leaving);
	for domain in pairs(active) do
		if not wanted[domain] and not leaving[domain] then
			leaving[domain] = monotonic();
			module:fire_event("xmppfed-alias-leaves", { domain = domain });
			end_streams(domain);
		end
	end
	if none_left and next(leaving) then module:add_timer(1, look_after_leaving); end
	return refusal;
end

-- Prosody goes through its hosts while it starts: none may come meanwhile
module:hook("server-started", function ()
	started = true;
	local refusal = apply();
	if refusal then module:log("error", "Not every alias can be served: %s", refusal); end
end);

module:depends("xmppfed_settings").watch("aliases", function (value)
	wanted = {};
	for domain in pairs(value or {}) do wanted[domain] = true; end
	if started then return apply(); end
end);
