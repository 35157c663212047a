-- Router, template host: streams to a local domain go to its upstream, and there are no others.
--
-- Options: xmppfed_upstreams = { ["example.org"] = { host = "xmpp.internal", port = 5269 } }
--
-- Invariant: nothing that this process sends leaves for a domain that is not local. What comes from outside can so
-- never go out again, whatever it is addressed to.

local basic_resolver = require "prosody.net.resolvers.basic".new;

local upstreams = module:get_option("xmppfed_upstreams", {});

module:hook("route/remote", function (event)
	if upstreams[event.to_host] then return; end
	module:log("warn", "Dropped a %s from %s to %s: the router connects to its internal server only", event.stanza.name, event.from_host, event.to_host);
	return true;
end, 500);

module:hook("s2sout-pre-connect", function (event)
	local upstream = upstreams[event.session.to_host];
	event.resolver = basic_resolver(upstream.host, upstream.port, "tcp", { use_ipv4 = true, use_ipv6 = true });
end);
