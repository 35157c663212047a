-- Router, global: aliases that come, go or move while the process runs.
--
-- Options: xmppfed_upstreams (table, see mod_xmppfed_links). It is one table for all modules, which read it anew: aliases
-- are put into it and taken out.
--
-- Event: xmppfed-aliases-changed, when the table has been changed; its `changed` has the domains whose upstream is another

module:set_global();

local upstreams = module:get_option("xmppfed_upstreams");

local function is_same(a, b)
	return a and b and a.host == b.host and a.port == b.port;
end

-- Streams to where the rooms of a domain were. What is on them was sent before.
local function end_streams(domain)
	local sessions = {};
	for _, host in pairs(prosody.hosts) do
		local session = (rawget(host, "s2sout") or {})[domain];
		if session then table.insert(sessions, session); end
	end
	for _, session in ipairs(sessions) do session:close(); end
end

module:depends("xmppfed_settings").watch("aliases", function (value)
	local aliases, changed = value or {}, {};
	for domain, upstream in pairs(aliases) do
		if upstreams[domain] and not upstreams[domain].alias then
			return ("%s is a domain of this federation"):format(domain);
		end
		if not is_same(upstreams[domain], upstream) then changed[domain] = true; end
	end
	for domain, upstream in pairs(upstreams) do
		if upstream.alias and not aliases[domain] then changed[domain] = true; end
	end
	for domain in pairs(changed) do upstreams[domain] = nil; end
	for domain, upstream in pairs(aliases) do upstreams[domain] = upstream; end
	module:fire_event("xmppfed-aliases-changed", { changed = changed });
	for domain in pairs(changed) do end_streams(domain); end
end);
