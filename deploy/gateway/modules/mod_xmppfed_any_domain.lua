-- Router, global: stands in for ANY remote domain.
--
-- A remote domain in use is a light host: an entry of prosody.hosts with streams of its own that takes all else (events,
-- modules) from one template host. It costs 0.35 kB where a real host costs 190 kB.
--
-- Options:
--   xmppfed_template_host (string)  the Component whose modules serve every remote domain
--   xmppfed_upstreams (table)       local domains are its keys; they are never remote
--   xmppfed_max_domains (integer)   remote domains at one time (20000)
--   xmppfed_domain_idle (period)    a domain without streams goes after this time (5 minutes)
--
-- Invariants: a light host never shadows a real host or a local domain; it goes only when it has no outgoing stream and
-- no incoming stream is for it, because Prosody's s2smanager looks both up by name when a stream ends.

module:set_global();

local hosts = prosody.hosts;
local nameprep = require "prosody.util.encodings".stringprep.nameprep;
local now = require "prosody.util.time".monotonic;

local template_name = module:get_option_string("xmppfed_template_host");
local upstreams = module:get_option("xmppfed_upstreams", {});
local max_domains = module:get_option_integer("xmppfed_max_domains", 20000, 1);
local idle = module:get_option_period("xmppfed_domain_idle", "5 minutes");

local last_used = {}; -- name -> monotonic seconds
local count, refused = 0, 0;

local light_host_mt = {
	__index = function (_, key)
		local template = rawget(hosts, template_name);
		return template and template[key];
	end;
	__tostring = function (host) return ("RemoteDomain %q"):format(host.host); end;
};

local last_sweep = now();

local function sweep(older_than)
	last_sweep = now();
	local busy = {};
	for session in pairs(prosody.incoming_s2s) do
		if session.to_host then busy[session.to_host] = true; end
	end
	local t, removed = now(), 0;
	for name, used in pairs(last_used) do
		if t - used > older_than and not busy[name] and not next(hosts[name].s2sout) then
			hosts[name], last_used[name] = nil, nil;
			count, removed = count - 1, removed + 1;
		end
	end
	return removed;
end

-- The host table for a remote domain; nil and a stream or stanza error condition when it cannot be one.
function activate(domain)
	if not domain then return nil, "improper-addressing"; end
	if upstreams[domain] then return nil, "host-unknown"; end -- also an alias that was a remote domain until now
	if last_used[domain] then
		last_used[domain] = now();
		return hosts[domain];
	end
	local name = nameprep(domain);
	if not name or name == "" or name:find("[@/%s]") then return nil, "improper-addressing"; end
	if upstreams[name] then return nil, "host-unknown"; end
	if last_used[name] then
		last_used[name] = now();
		return hosts[name];
	end
	if rawget(hosts, name) then return nil, "host-unknown"; end
	-- A sweep looks at every domain: at most one a second while nothing is free
	if count >= max_domains and (now() - last_sweep < 1 or sweep(0) == 0) then
		refused = refused + 1;
		if refused % 100 == 1 then
			module:log("warn", "%s is refused: %d remote domains are in use at the same time (%d refused in all)", name, count, refused);
		end
		return nil, "resource-constraint";
	end
	hosts[name] = setmetatable({ host = name, s2sout = {} }, light_host_mt);
	last_used[name], count = now(), count + 1;
	return hosts[name];
end

-- Whether a prepared domain name is a remote domain in use
function is_active(name)
	return last_used[name] ~= nil;
end

-- For the status
function report()
	return { inUse = count, limit = max_domains };
end

module:add_timer(5, function ()
	sweep(idle);
	return 5;
end);
