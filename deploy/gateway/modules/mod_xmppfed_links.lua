-- Router, global: the links to every federation connection manager, one for each address and local domain (XEP-0114
-- client side; the messages beyond XEP-0114 are described in xmppfed_link.lib.lua). Over TLS: xmppfed_link_tls.lib.lua.
--
-- Options:
--   xmppfed_node (string)           name of this node
--   xmppfed_links (table)           { host = name of the headless links Service, port = 5275 }
--   xmppfed_link_secret (string)    shared by all nodes of a federation
--   xmppfed_upstreams (table)       its keys are the local domains; outgoing_only: of an alias of another node
--   xmppfed_link_retry (period)     longest wait before a link is tried again (1 s)
--
-- Invariants: at most one link for each domain and address. An address that DNS no longer gives keeps its link until
-- the link ends by itself, and is not tried again. A link carries stanzas only after <hello/> and before <drain/>.
-- Nothing of the link secret is said before the other side has been verified.
-- While the upstream of its domain is known not to be reached it is withdrawn: it carries what goes out, and the other
-- side sends what comes in by other routers. So is the link of an alias whose chat node is another one, always: its
-- internal server may send by any router, and what comes in goes by that of the chat node alone. While an alias moves, two
-- nodes are its chat node.

module:set_global();

local connect = require "prosody.net.connect".connect;
local basic_resolver = require "prosody.net.resolvers.basic".new;
local new_stream = require "prosody.util.xmppstream".new;
local sha1 = require "prosody.util.hashes".sha1;
local st = require "prosody.util.stanza";
local monotonic = require "prosody.util.time".monotonic;
local add_task = require "prosody.util.timer".add_task;
local protocol = module:require "xmppfed_link";
local watch_addresses = module:require "xmppfed_addresses".watch;
local rendezvous = module:require "xmppfed_rendezvous";
local link_tls = module:require "xmppfed_link_tls";
local probe = module:depends("xmppfed_upstream_probe");
local backlog = module:depends("xmppfed_backlog");
local bounce = module:require "xmppfed_bounce".bounce;

local xmlns_component = "jabber:component:accept";
local xmlns_stream_errors = "urn:ietf:params:xml:ns:xmpp-streams";

local node = module:get_option_string("xmppfed_node");
local target = module:get_option("xmppfed_links");
local secret = module:get_option_string("xmppfed_link_secret");
local upstreams = module:get_option("xmppfed_upstreams", {});
local longest_retry = module:get_option_period("xmppfed_link_retry", 1);
local shortest_retry = 0.1; -- seconds
local tls = link_tls.watch("client");

local links = {};        -- "domain@address" -> link
local choosers = {};     -- domain -> chooser over the links that carry stanzas
local reached = {};      -- domain -> true once a link for it has been up
local addresses;         -- array, as DNS gave them last; nil until it answered
local lookup_failure;    -- why the last look-up failed, nil when it did not
local last_change = monotonic();
local stopping = false;
local sequence = 0;

for domain in pairs(upstreams) do choosers[domain] = rendezvous.new(); end

local function is_usable(link)
	return link.state == "up" and not link.draining;
end

local function choose_again(domain)
	local candidates = {};
	for _, link in pairs(links) do
		if link.domain == domain and is_usable(link) then table.insert(candidates, link); end
	end
	table.sort(candidates, function (a, b) return a.sequence < b.sequence; end);
	choosers[domain]:replace(candidates);
end

-- Sends a stanza of a local domain, `text`, to a peer domain. False and a stanza error condition when no link can carry it.
-- `stanza`: what its sender knows of it, who is told where it is lost.
function send(domain, peer, text, stanza)
	local chooser = choosers[domain];
	local link = chooser and chooser:choose(peer);
	if not link then return false, "remote-server-timeout"; end
	if not link.outlet:send(text, stanza) then return false, "resource-constraint"; end
	link.sent = link.sent + 1;
	return true;
end

local function write(link, name, attr)
	attr = attr or {};
	attr.xmlns = protocol.xmlns;
	link.conn:write(tostring(st.stanza(name, attr)));
end

-- Closes the connection, after what was written to it. Its end can come at once, while a chunk that was read is still
-- being parsed: the callbacks below must expect a link without a connection.
local function hang_up(link, why)
	link.failure = link.failure or why;
	if link.conn then link.conn:close(); end
end

-- An alias may have gone
local function is_withdrawn(domain)
	local upstream = upstreams[domain];
	return not upstream or upstream.outgoing_only or probe.is_down(domain);
end

-- Tells the other side when this changes: whether it may send stanzas for the internal server
local function tell_withdrawn(link)
	local withdrawn = is_withdrawn(link.domain);
	if link.state ~= "up" or link.withdrawn == withdrawn then return; end
	link.withdrawn = withdrawn;
	write(link, withdrawn and "withdraw" or "offer");
end

local function tell_all_withdrawn()
	for _, link in pairs(links) do tell_withdrawn(link); end
end

module:hook("xmppfed-upstream-changed", tell_all_withdrawn);

local control = {};

function control.hello(link, element)
	link.node, link.state, link.retry, link.failure = element.attr.node or link.address, "up", nil, nil;
	link.since = os.time();
	sequence = sequence + 1;
	link.sequence, link.outlet = sequence, backlog.outlet(link.conn);
	reached[link.domain] = true;
	last_change = monotonic();
	choose_again(link.domain);
	module:log("info", "Link %s to node %s is up", link.key, link.node);
	tell_withdrawn(link);
end

function control.drain(link)
	link.draining = true;
	choose_again(link.domain);
	write(link, "drained");
	module:log("info", "Link %s to node %s is draining", link.key, link.node);
end

function control.drained(link)
	if link.on_drained then
		link.on_drained();
		link.on_drained = nil;
	end
end

function control.bye(link)
	link.draining = true;
	choose_again(link.domain);
	link.conn:write("</stream:stream>");
	hang_up(link, "the other side said bye");
end

function control.pong() end

local stream_callbacks = { default_ns = xmlns_component };

function stream_callbacks.streamopened(link, attr)
	link.notopen = nil;
	link.conn:write(tostring(st.stanza("handshake"):text(sha1((attr.id or "")..secret, true))));
end

function stream_callbacks.streamclosed(link)
	hang_up(link, "closed by the other side");
end

function stream_callbacks.error(link, kind, data)
	if kind == "stream-error" then
		local condition, text = "undefined-condition", nil;
		for child in data:childtags(nil, xmlns_stream_errors) do
			if child.name == "text" then text = child:get_text(); else condition = child.name; end
		end
		hang_up(link, text and ("%s (%s)"):format(condition, text) or condition);
	else
		hang_up(link, ("invalid stream: %s"):format(kind));
	end
end

function stream_callbacks.handlestanza(link, element)
	if not link.conn then return; end
	if element.attr.xmlns == protocol.xmlns then
		local handler = control[element.name];
		if handler then handler(link, element); end
	elseif element.name == "handshake" then
		link.withdrawn = is_withdrawn(link.domain);
		write(link, "hello", { node = node, withdrawn = link.withdrawn and "true" or nil });
	elseif link.state == "up" then
		link.received = link.received + 1;
		module:fire_event("xmppfed-from-outside", { link = link, stanza = element });
	end
end

local listener = {};
local by_conn = {};
local open;

local function ended(link, err)
	if link.state == "down" then return; end
	local was_up = link.state == "up";
	local why = link.failure or err or "closed";
	local lost = link.outlet and link.outlet:lost() or {};
	link.conn, link.state, link.outlet = nil, "down", nil;
	control.drained(link); -- nobody is left to answer
	last_change = monotonic();
	if was_up then
		choose_again(link.domain);
		module:log(stopping and "info" or "warn", "Link %s to node %s is down: %s", link.key, link.node, why);
	elseif why ~= link.last_failure then
		module:log("warn", "Link %s cannot be made: %s", link.key, why);
	end
	for _, head in ipairs(lost) do bounce(head, "wait", "remote-server-timeout", "The federation connection manager is gone"); end
	link.failure, link.last_failure, link.last_failure_at = nil, why, os.time();
	if stopping or not link.wanted then
		links[link.key] = nil;
		return;
	end
	link.retry = math.min((link.retry or shortest_retry / 2) * 2, longest_retry);
	add_task(link.retry, function ()
		if links[link.key] ~= link then return; end
		if stopping or not link.wanted then links[link.key] = nil; else open(link); end
	end);
end

function listener.onconnect(conn)
	local link = by_conn[conn];
	local refusal = link_tls.refusal(conn);
	link.notopen = true; -- util.xmppstream waits for a stream header while this is set
	link.stream = not refusal and new_stream(link, stream_callbacks, protocol.stanza_size_limit) or nil;
	conn:write(("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>")
		:format(xmlns_component, st.xml_escape(link.domain)));
	if not refusal then return; end
	conn:write(tostring(st.stanza("stream:error")
		:tag("not-authorized", { xmlns = xmlns_stream_errors }):up()
		:tag("text", { xmlns = xmlns_stream_errors }):text("Refused by the router: "..refusal):up()).."</stream:stream>");
	hang_up(link, ("the other side is refused: %s"):format(refusal));
end

function listener.onattach(conn, link)
	link.conn = conn;
	by_conn[conn] = link;
end

function listener.onincoming(conn, data)
	local link = by_conn[conn];
	if not link.stream then return; end -- refused
	link.heard = monotonic();
	local ok, err = link.stream:feed(data);
	if not ok then hang_up(link, ("invalid XML: %s"):format(err)); end
end

function listener.ondisconnect(conn, err)
	local link = by_conn[conn];
	by_conn[conn] = nil;
	if link then ended(link, err); end
end

function listener.onfail(link, err)
	ended(link, link_tls.explain(err));
end

function open(link)
	link.state, link.draining, link.heard = "connecting", false, monotonic();
	link.sent, link.received = 0, 0;
	if not tls.context then return ended(link, tls.failure); end
	connect(basic_resolver(link.address, target.port, "tcp", {}), listener, { sslctx = tls.context }, link);
end

-- Makes the links that are missing. Those that nobody wants any more end by themselves, or are taken back.
local function want_links()
	local wanted = {};
	for _, address in ipairs(addresses) do
		for domain in pairs(upstreams) do wanted[domain.."@"..address] = { domain = domain, address = address }; end
	end
	for key, link in pairs(links) do link.wanted = wanted[key] ~= nil; end
	for key, w in pairs(wanted) do
		if not links[key] then
			links[key] = { key = key, domain = w.domain, address = w.address, wanted = true, type = "link" };
			open(links[key]);
		end
	end
end

local function on_addresses(found, failure)
	if failure and failure ~= lookup_failure then
		module:log("warn", "The addresses of %s cannot be looked up: %s", target.host, failure);
	end
	lookup_failure = failure;
	if stopping or not found then return; end
	if not addresses or table.concat(found, " ") ~= table.concat(addresses, " ") then
		module:log("info", "Addresses of %s: %s", target.host, found[1] and table.concat(found, ", ") or "none");
		last_change = monotonic();
	end
	addresses = found;
	want_links();
end

-- Aliases that came, went or moved. The other side ends a link that is taken back, after what it has sent.
module:hook("xmppfed-aliases-changed", function ()
	for domain in pairs(upstreams) do choosers[domain] = choosers[domain] or rendezvous.new(); end
	if addresses and not stopping then want_links(); end
	last_change = monotonic();
	for _, link in pairs(links) do
		if upstreams[link.domain] then
			tell_withdrawn(link);
		elseif link.state == "up" then
			link.draining = true;
			choose_again(link.domain);
			write(link, "bye");
		end
	end
end);

-- Seconds until the addresses are looked up again: sooner while links come and go
local function lookup_interval()
	return (monotonic() - last_change < 10 or lookup_failure) and 1 or 2;
end

module:hook("server-started", function ()
	watch_addresses(target.host, lookup_interval, on_addresses);
end);

module:add_timer(protocol.ping_interval, function ()
	local t = monotonic();
	for _, link in pairs(links) do
		if link.conn and t - link.heard > protocol.silence_limit then
			protocol.cut(link.conn, ("nothing was heard for %d s"):format(protocol.silence_limit));
		elseif link.state == "up" then
			write(link, "ping");
		end
	end
	return protocol.ping_interval;
end);

-- This router is going: the federation connection managers must send it nothing more
module:hook("xmppfed-drain", function (wait)
	for _, link in pairs(links) do
		if link.state == "up" then
			wait.add();
			link.on_drained = wait.done;
			write(link, "drain");
		end
	end
end);

module:hook("xmppfed-bye", function (wait)
	stopping = true;
	for _, link in pairs(links) do
		if link.state == "up" then
			wait.add();
			link.on_drained = wait.done;
			write(link, "bye");
		end
	end
end);

-- For the status: `addresses` nil until DNS has answered; `reached` domains that have had a link
function report()
	return { addresses = addresses, lookup_failure = lookup_failure, reached = reached, links = links, tls = tls };
end
