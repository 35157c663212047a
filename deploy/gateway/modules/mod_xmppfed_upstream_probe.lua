-- Router, global: knows whether each upstream can be reached, also while nothing is sent, so that a wrong address shows
-- before the first message is lost, and so that the links of a router that does not reach its upstream are withdrawn
-- (mod_xmppfed_links).
--
-- A probe of an upstream that was reached is a TCP connection that is closed as soon as it is open: servers do not log
-- that. One that was not reached must answer a stream header too: a process that hangs still accepts connections.
-- A real stream that the upstream did not open counts at once, and so does one that it did.
--
-- A server that is reached may not serve a local domain: then it answers a stream header with host-unknown (RFC 6120,
-- 4.9.3.6), which has one domain, so each is asked for on a connection of its own. The first one takes that of the probe.
-- One that is not served is asked for again with every probe. One that is, after some minutes: one at a time, with a
-- probe, so that many domains and nodes are no load; and a real stream that the server refuses so tells at once. It
-- withdraws nothing, as senders are answered either way: it is told.
--
-- A name that cannot be looked up (DNS does not answer) is no word about the upstream: the addresses that it had last
-- are used meanwhile, by probes and by real streams.
--
-- Options:
--   xmppfed_upstreams (table)               { ["example.org"] = { host = "xmpp.internal", port = 5269 } }; an alias has
--                                           its name in DNS as alias, and outgoing_only where its node is another one
--   xmppfed_upstream_probe_interval (period)  time between two probes of an upstream that was reached (30 s)
--   xmppfed_upstream_retry_interval (period)  time between two probes of one that was not (5 s)
--   xmppfed_upstream_look_again (period)      shortest time until a domain that was served is asked for again (5 min), more
--                                           or less by a fifth, so that routers that began together do not ask together
--   xmppfed_upstream_answer (period)          longest time for an answer to a stream header (10 s)
--
-- Event: xmppfed-upstream-changed, when it becomes or ceases to be known that an upstream cannot be reached

module:set_global();

local connect = require "prosody.net.connect".connect;
local basic_resolver = require "prosody.net.resolvers.basic".new;
local chain_resolver = require "prosody.net.resolvers.chain".new;
local manual_resolver = require "prosody.net.resolvers.manual".new;
local add_task = require "prosody.util.timer".add_task;
local monotonic = require "prosody.util.time".monotonic;
local xml_escape = require "prosody.util.stanza".xml_escape;
local look_up = module:require "xmppfed_addresses".look_up;

local upstreams = module:get_option("xmppfed_upstreams", {});
local interval = module:get_option_period("xmppfed_upstream_probe_interval", 30);
local retry = module:get_option_period("xmppfed_upstream_retry_interval", 5);
local look_again = module:get_option_period("xmppfed_upstream_look_again", 300);
local answer_limit = module:get_option_period("xmppfed_upstream_answer", 10);

local targets = {}; -- "host:port" -> { host, port, addresses, reachable (nil until known), failure, turn }
local domains = {}; -- name of a local domain -> { name, target, served (nil until known), again = when it is asked for
                    --                             again though it is served, asked = whether an answer is waited for }

local probe, ask;

-- The targets of the upstreams as they are now. Gives those that are new.
local function find_targets()
	local known, known_domains, new = targets, domains, {};
	targets, domains = {}, {};
	for name, upstream in pairs(upstreams) do
		local key = ("%s:%d"):format(upstream.host, upstream.port);
		if not targets[key] then
			targets[key] = known[key] or { host = upstream.host, port = upstream.port, addresses = {}, turn = 0 };
			if not known[key] then table.insert(new, targets[key]); end
		end
		local domain = known_domains[name];
		domains[name] = domain and domain.target == targets[key] and domain or { name = name, target = targets[key] };
	end
	for key, target in pairs(known) do
		if not targets[key] then target.turn = target.turn + 1; end -- no further probe
	end
	return new;
end

find_targets();

-- The next probe; it replaces one that was planned before
local function probe_in(seconds, target)
	local turn = target.turn + 1;
	target.turn = turn;
	add_task(seconds, function ()
		if target.turn == turn then probe(target); end
	end);
end

local function known(target, reachable, failure)
	if targets[("%s:%d"):format(target.host, target.port)] ~= target then return; end -- of an alias that has gone meanwhile
	local changed = (target.reachable == false) ~= (reachable == false);
	if target.reachable ~= reachable or target.failure ~= failure then
		module:log(reachable and "info" or "warn", "Upstream %s:%d %s", target.host, target.port,
			reachable and "is reached" or ("cannot be reached: %s"):format(failure));
	end
	target.reachable, target.failure = reachable, failure;
	for _, domain in pairs(domains) do
		if domain.target == target and not reachable then domain.served = nil; end
		if domain.target == target and reachable and not domain.served and not domain.asked then ask(domain); end
	end
	probe_in(reachable and interval or retry, target);
	if changed then module:fire_event("xmppfed-upstream-changed", {}); end
end

local function note_served(domain, served)
	if domain.served ~= served then
		module:log(served and "info" or "warn", "Upstream %s:%d %s %s", domain.target.host, domain.target.port,
			served and "serves" or "does not serve", domain.name);
	end
	domain.served = served;
	domain.again = monotonic() + look_again * (0.8 + 0.4 * math.random());
end

-- The addresses that a target had last, in any order, as a resolver
local function last_addresses(target)
	local list = {};
	for _, address in ipairs(target.addresses) do
		table.insert(list, math.random(#list + 1), { address:find(":", 1, true) and "tcp6" or "tcp4", address, target.port, {} });
	end
	return manual_resolver(list, "tcp", {});
end

local not_served = { ["host-unknown"] = true, ["host-gone"] = true }; -- stream errors

local function header(domain)
	return ("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s'>")
		:format(xml_escape(domain.name));
end

-- Connections: each tells whether the target is reached (those of probes, until it is told), whether a domain is served
-- (where it has one), or both.

local purposes = {}; -- connection -> { target, is_probe, domain, answer }
local listener = {};

local function open(purpose)
	if purpose.domain then purpose.domain.asked = true; end
	purpose.answer = "";
	connect(last_addresses(purpose.target), listener, {}, purpose);
end

local function tell_reachable(purpose, reachable, failure)
	if not purpose.is_probe then return; end
	purpose.is_probe = false;
	known(purpose.target, reachable, failure);
end

local function forget(conn)
	local domain = purposes[conn].domain;
	purposes[conn] = nil;
	if domain then domain.asked = false; end
end

local function answered(conn, served)
	note_served(purposes[conn].domain, served);
	forget(conn);
	conn:write("</stream:stream>");
	conn:close();
end

function listener.onattach(conn, purpose)
	purposes[conn] = purpose;
end

function listener.onconnect(conn)
	local purpose = purposes[conn];
	if purpose.target.reachable then tell_reachable(purpose, true); end
	if not purpose.domain then
		forget(conn);
		conn:close();
		return;
	end
	conn:write(header(purpose.domain));
	add_task(answer_limit, function ()
		if purposes[conn] ~= purpose then return; end
		if purpose.answer ~= "" then return answered(conn, true); end -- something else, such as the header alone
		forget(conn);
		conn:destroy();
		tell_reachable(purpose, false, ("it does not answer within %d s"):format(answer_limit));
	end);
end

function listener.onincoming(conn, data)
	local purpose = purposes[conn];
	if not purpose then return; end
	tell_reachable(purpose, true);
	purpose.answer = purpose.answer..data;
	for condition in pairs(not_served) do
		if purpose.answer:find("<"..condition, 1, true) then return answered(conn, false); end
	end
	if purpose.answer:find("features", 1, true) or #purpose.answer > 16384 then answered(conn, true); end
end

function listener.ondisconnect(conn, err)
	local purpose = purposes[conn];
	if not purpose then return; end
	forget(conn);
	tell_reachable(purpose, false, err or "closed");
end

function listener.onfail(purpose, err)
	if purpose.domain then purpose.domain.asked = false; end
	tell_reachable(purpose, false, tostring(err));
end

function ask(domain)
	open({ target = domain.target, domain = domain });
end

-- The domain that a probe asks for: any where the target is not reached, which has to answer something; else a served one
-- whose time has come, the longest ago first; else one that is not served. (After a probe all of those are asked for.)
local function due_domain(target)
	local due, unserved;
	for _, domain in pairs(domains) do
		if domain.target == target then
			if not target.reachable then return domain; end
			if not domain.served then
				unserved = not domain.asked and domain or unserved;
			elseif domain.again <= monotonic() and not domain.asked and (not due or domain.again < due.again) then
				due = domain;
			end
		end
	end
	return due or unserved;
end

function probe(target)
	look_up(target.host, function (addresses, failure)
		target.addresses = addresses or target.addresses;
		if target.addresses[1] then
			open({ target = target, is_probe = true, domain = due_domain(target) });
		else
			known(target, false, failure and ("look-up failed: %s"):format(failure) or "the name has no address");
		end
	end);
end

local started = false;
module:hook("server-started", function ()
	started = true;
	for _, target in pairs(targets) do probe(target); end
end);

-- Aliases that came, went or moved
module:hook("xmppfed-aliases-changed", function ()
	for _, target in ipairs(find_targets()) do
		if started then probe(target); end
	end
end, 10); -- before mod_xmppfed_links asks

-- A real stream to a local domain did not come to be, or came to be
function report_stream(name, opened, failure)
	local domain = domains[name];
	if not domain then return; end -- of an alias that has gone
	local target = domain.target;
	if opened then note_served(domain, true); end
	if opened and target.reachable or not opened and target.reachable == false then return; end
	known(target, opened, failure);
end

-- The upstream closed a real stream to a local domain with a stream error
function report_stream_error(name, condition)
	if domains[name] and not_served[condition] then note_served(domains[name], false); end
end

-- Where a stream to a local domain connects to: the addresses of the last probe, where that reached it, and then what
-- DNS says now
function resolver(name)
	local target = domains[name] and domains[name].target;
	if not target then return manual_resolver({}, "tcp", {}); end -- of an alias that has gone: nothing leaves for elsewhere
	local by_name = basic_resolver(target.host, target.port, "tcp", { use_ipv4 = true, use_ipv6 = true });
	return target.reachable and chain_resolver({ last_addresses(target), by_name }) or by_name;
end

-- Whether a local domain's upstream is known not to be reached. It is not while nothing is known yet.
function is_down(name)
	return domains[name] ~= nil and domains[name].target.reachable == false;
end

-- For the status: one entry for each local domain whose upstream has been probed; `alias` is the name in DNS of one
function report()
	local list = {};
	for name, domain in pairs(domains) do
		local target = domain.target;
		if target.reachable ~= nil then
			table.insert(list, {
				domain = name;
				alias = upstreams[name].alias;
				host = target.host;
				port = target.port;
				reachable = target.reachable;
				served = domain.served;
				failure = target.failure;
			});
		end
	end
	table.sort(list, function (a, b) return a.domain < b.domain; end);
	return list;
end
