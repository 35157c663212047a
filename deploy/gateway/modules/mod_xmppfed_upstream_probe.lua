-- Router, global: knows whether each upstream can be reached, also while nothing is sent, so that a wrong address shows
-- before the first message is lost.
--
-- A probe is a TCP connection that is closed as soon as it is open. It changes nothing: what is sent is still tried.
--
-- Options:
--   xmppfed_upstreams (table)               { ["example.org"] = { host = "xmpp.internal", port = 5269 } }
--   xmppfed_upstream_probe_interval (period)  time between two probes of an upstream that was reached (30 s)
--   xmppfed_upstream_retry_interval (period)  time between two probes of one that was not (5 s)

module:set_global();

local connect = require "prosody.net.connect".connect;
local basic_resolver = require "prosody.net.resolvers.basic".new;
local add_task = require "prosody.util.timer".add_task;

local upstreams = module:get_option("xmppfed_upstreams", {});
local interval = module:get_option_period("xmppfed_upstream_probe_interval", 30);
local retry = module:get_option_period("xmppfed_upstream_retry_interval", 5);

local targets = {}; -- "host:port" -> { host, port, reachable (nil until known), failure }

local listener = {};
local probe;

local function known(target, reachable, failure)
	if target.reachable ~= reachable or target.failure ~= failure then
		module:log(reachable and "info" or "warn", "Upstream %s:%d %s", target.host, target.port,
			reachable and "is reached" or ("cannot be reached: %s"):format(failure));
	end
	target.reachable, target.failure = reachable, failure;
	add_task(reachable and interval or retry, function () probe(target); end);
end

local by_conn = {};

function listener.onattach(conn, target)
	by_conn[conn] = target;
end

function listener.onconnect(conn)
	local target = by_conn[conn];
	by_conn[conn] = nil;
	conn:close();
	known(target, true);
end

function listener.onincoming() end

function listener.ondisconnect(conn, err)
	local target = by_conn[conn];
	by_conn[conn] = nil;
	if target then known(target, false, err or "closed"); end
end

function listener.onfail(target, err)
	known(target, false, tostring(err));
end

function probe(target)
	connect(basic_resolver(target.host, target.port, "tcp", {}), listener, {}, target);
end

module:hook("server-started", function ()
	for _, upstream in pairs(upstreams) do
		local key = ("%s:%d"):format(upstream.host, upstream.port);
		if not targets[key] then
			targets[key] = { host = upstream.host, port = upstream.port };
			probe(targets[key]);
		end
	end
end);

-- For the status: one entry for each local domain whose upstream has been probed
function report()
	local list = {};
	for domain, upstream in pairs(upstreams) do
		local target = targets[("%s:%d"):format(upstream.host, upstream.port)];
		if target and target.reachable ~= nil then
			table.insert(list, {
				domain = domain;
				host = target.host;
				port = target.port;
				reachable = target.reachable;
				failure = target.failure;
			});
		end
	end
	table.sort(list, function (a, b) return a.domain < b.domain; end);
	return list;
end
