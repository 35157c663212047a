-- Router, template host: streams to a local domain go to its upstream, and there are no others.
--
-- Options: xmppfed_upstreams = { ["example.org"] = { host = "xmpp.internal", port = 5269 } }
--
-- Invariant: nothing that this process sends leaves for a domain that is not local. What comes from outside can so
-- never go out again, whatever it is addressed to.

local upstreams = module:get_option("xmppfed_upstreams", {});
local probe = module:depends("xmppfed_upstream_probe");

module:hook("route/remote", function (event)
	if upstreams[event.to_host] then return; end
	module:log("warn", "Dropped a %s from %s to %s: the router connects to its internal server only", event.stanza.name, event.from_host, event.to_host);
	return true;
end, 500);

module:hook("s2sout-pre-connect", function (event)
	event.resolver = probe.resolver(event.session.to_host);
end);

-- A stream that the upstream never opened says that it is not there. One that fails later does not, but it may say that
-- the domain is not served.
module:hook_global("s2s-destroyed", function (event)
	local session, reason = event.session, event.reason;
	if session.direction ~= "outgoing" then return; end
	local closed = session.xmppfed_closed; -- by mod_xmppfed_peers
	if closed and closed.by == "peer" then probe.report_stream_error(session.to_host, closed.condition); end
	if session.had_stream or not reason then return; end
	probe.report_stream(session.to_host, false, type(reason) == "table" and (reason.text or reason.condition) or tostring(reason));
end);

module:hook_global("s2sout-established", function (event)
	probe.report_stream(event.session.to_host, true);
end);
