-- Router, global: knows whether each upstream can be reached, also while nothing is sent, so that a wrong address shows
-- before the first message is lost, and so that the links of a router that does not reach its upstream are withdrawn
-- (mod_xmppfed_links).
--
-- A probe of an upstream that was reached is a TCP connection that is closed as soon as it is open: servers do not log
-- that. One that was not reached must answer a stream header too: a process that hangs still accepts connections.
-- A real stream that the upstream did not open counts at once, and so does one that it did.
--
-- A server that is reached may not serve a local domain: then it answers a stream header with host-unknown (RFC 6120,
-- 4.9.3.6). So each domain is asked for once, and one that is not served again with every probe. It withdraws nothing,
-- as senders are answered either way: it is told.
--
-- A name that cannot be looked up (DNS does not answer) is no word about the upstream: the addresses that it had last
-- are used meanwhile, by probes and by real streams.
--
-- Options:
--   xmppfed_upstreams (table)               { ["example.org"] = { host = "xmpp.internal", port = 5269 } }; an alias has
--                                           its name in DNS as alias, and outgoing_only where its node is another one
--   xmppfed_upstream_probe_interval (period)  time between two probes of an upstream that was reached (30 s)
--   xmppfed_upstream_retry_interval (period)  time between two probes of one that was not (5 s)
--   xmppfed_upstream_answer (period)          longest time for an answer to a stream header (10 s)
--
-- Event: xmppfed-upstream-changed, when it becomes or ceases to be known that an upstream cannot be reached

module:set_global();

local connect = require "prosody.net.connect".connect;
local basic_resolver = require "prosody.net.resolvers.basic".new;
local chain_resolver = require "prosody.net.resolvers.chain".new;
local manual_resolver = require "prosody.net.resolvers.manual".new;
local add_task = require "prosody.util.timer".add_task;
local xml_escape = require "prosody.util.stanza".xml_escape;
local look_up = module:require "xmppfed_addresses".look_up;

local upstreams = module:get_option("xmppfed_upstreams", {});
local interval = module:get_option_period("xmppfed_upstream_probe_interval", 30);
local retry = module:get_option_period("xmppfed_upstream_retry_interval", 5);
local answer_limit = module:get_option_period("xmppfed_upstream_answer", 10);

local targets = {};    -- "host:port" -> { host, port, domain, addresses, reachable (nil until known), failure, turn,
                       --                  served = { domain = whether it is; nil until known } }
local target_of = {};  -- local domain -> its target

local listener = {};
local probe, ask_for_domains;

-- The targets of the upstreams as they are now. Gives those that are new.
local function find_targets()
	local known, new = targets, {};
	targets, target_of = {}, {};
	for domain, upstream in pairs(upstreams) do
		local key = ("%s:%d"):format(upstream.host, upstream.port);
		if not targets[key] then
			targets[key] = known[key] or { host = upstream.host, port = upstream.port, domain = domain, addresses = {}, turn = 0, served = {} };
			if not known[key] then table.insert(new, targets[key]); end
		end
		target_of[domain] = targets[key];
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
	if reachable then ask_for_domains(target); else target.served = {}; end
	probe_in(reachable and interval or retry, target);
	if changed then module:fire_event("xmppfed-upstream-changed", {}); end
end

local by_conn = {};

-- Ends a probe; false when it has ended already
local function finish(conn, reachable, failure)
	local target = by_conn[conn];
	by_conn[conn] = nil;
	if not target then return false; end
	known(target, reachable, failure);
	return true;
end

function listener.onattach(conn, target)
	by_conn[conn] = target;
end

local function header(domain)
	return ("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s'>")
		:format(xml_escape(domain));
end

function listener.onconnect(conn)
	local target = by_conn[conn];
	if target.reachable then
		finish(conn, true);
		conn:close();
		return;
	end
	conn:write(header(target.domain));
	add_task(answer_limit, function ()
		if finish(conn, false, ("it does not answer within %d s"):format(answer_limit)) then conn:destroy(); end
	end);
end

function listener.onincoming(conn)
	if finish(conn, true) then
		conn:write("</stream:stream>");
		conn:close();
	end
end

function listener.ondisconnect(conn, err)
	finish(conn, false, err or "closed");
end

function listener.onfail(target, err)
	known(target, false, tostring(err));
end

-- The addresses that a target had last, in any order, as a resolver
local function last_addresses(target)
	local list = {};
	for _, address in ipairs(target.addresses) do
		table.insert(list, math.random(#list + 1), { address:find(":", 1, true) and "tcp6" or "tcp4", address, target.port, {} });
	end
	return manual_resolver(list, "tcp", {});
end

local questions = {}; -- connection -> { target, domain, answer }
local asker = {};

local function answered(conn, served)
	local question = questions[conn];
	questions[conn] = nil;
	if not question then return; end
	local target, domain = question.target, question.domain;
	if target.served[domain] ~= served then
		module:log(served and "info" or "warn", "Upstream %s:%d %s %s", target.host, target.port,
			served and "serves" or "does not serve", domain);
	end
	target.served[domain] = served;
	conn:write("</stream:stream>");
	conn:close();
end

function asker.onattach(conn, question)
	questions[conn] = question;
end

function asker.onconnect(conn)
	conn:write(header(questions[conn].domain));
	add_task(answer_limit, function ()
		local question = questions[conn];
		if not question then return; end
		if question.answer ~= "" then
			answered(conn, true); -- something else, such as the header alone
		else
			questions[conn] = nil;
			conn:destroy();
		end
	end);
end

function asker.onincoming(conn, data)
	local question = questions[conn];
	if not question then return; end
	question.answer = question.answer..data;
	if question.answer:find("<host-unknown", 1, true) then
		answered(conn, false);
	elseif question.answer:find("features", 1, true) or #question.answer > 16384 then
		answered(conn, true);
	end
end

function asker.ondisconnect(conn)
	questions[conn] = nil;
end

function asker.onfail() end

function ask_for_domains(target)
	for domain, its_target in pairs(target_of) do
		if its_target == target and not target.served[domain] then
			connect(last_addresses(target), asker, {}, { target = target, domain = domain, answer = "" });
		end
	end
end

function probe(target)
	look_up(target.host, function (addresses, failure)
		target.addresses = addresses or target.addresses;
		if target.addresses[1] then
			connect(last_addresses(target), listener, {}, target);
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
function report_stream(domain, opened, failure)
	local target = target_of[domain];
	if not target then return; end -- of an alias that has gone
	if opened then target.served[domain] = true; end
	if opened and target.reachable or not opened and target.reachable == false then return; end
	known(target, opened, failure);
end

-- Where a stream to a local domain connects to: the addresses of the last probe, where that reached it, and then what
-- DNS says now
function resolver(domain)
	local target = target_of[domain];
	if not target then return manual_resolver({}, "tcp", {}); end -- of an alias that has gone: nothing leaves for elsewhere
	local by_name = basic_resolver(target.host, target.port, "tcp", { use_ipv4 = true, use_ipv6 = true });
	return target.reachable and chain_resolver({ last_addresses(target), by_name }) or by_name;
end

-- Whether a local domain's upstream is known not to be reached. It is not while nothing is known yet.
function is_down(domain)
	local target = target_of[domain];
	return target ~= nil and target.reachable == false;
end

-- For the status: one entry for each local domain whose upstream has been probed; `alias` is the name in DNS of one
function report()
	local list = {};
	for domain, target in pairs(target_of) do
		if target.reachable ~= nil then
			table.insert(list, {
				domain = domain;
				alias = upstreams[domain].alias;
				host = target.host;
				port = target.port;
				reachable = target.reachable;
				served = target.served[domain];
				failure = target.failure;
			});
		end
	end
	table.sort(list, function (a, b) return a.domain < b.domain; end);
	return list;
end
