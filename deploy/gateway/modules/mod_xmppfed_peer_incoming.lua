-- Federation connection manager, each local domain: streams that peers open. What is offered to a peer is what may
-- succeed, and what cannot is refused at once with the reason, not after a time-out.
--
-- A stream belongs to the peer that it was opened as, and by dialback it may carry more (piggybacking). Each is judged by
-- its own settings on what the stream is, so a stream opened as a weak peer does not carry a strict one. A peer that does
-- not say who it is gets the strictest settings of all, until it has said so and those of the peer besides.

local st = require "prosody.util.stanza";
local nameprep = require "prosody.util.encodings".stringprep.nameprep;
local security = module:depends("xmppfed_peer_security");
local settings = module:depends("xmppfed_peer_settings");
local skips_tls = module:depends("xmppfed_second_try").skips_tls;

local xmlns_dialback = "urn:xmpp:features:dialback";
local xmlns_errors = "urn:ietf:params:xml:ns:xmpp-stanzas";
local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
local xmlns_tls = "urn:ietf:params:xml:ns:xmpp-tls";

-- Replaces a feature; by nil: takes it out
local function replace(features, name, xmlns, other)
	features:maptags(function (tag)
		if tag.name == name and tag.attr.xmlns == xmlns then return other; end
		return tag;
	end);
end

module:hook("s2s-stream-features", function (event)
	local session = event.origin;
	if session.direction ~= "incoming" or session.secure then return; end
	if settings.of(session.from_host).mode == "NoTLS" or skips_tls(session.from_host, session.conn:ip(), "incoming") then
		session.ssl_ctx = false; -- mod_tls neither offers STARTTLS then nor takes it
	end
end, 100); -- before mod_tls and others offer theirs

module:hook("s2s-stream-features", function (event)
	local session, features = event.origin, event.features;
	if session.type ~= "s2sin_unauthed" then return; end
	local demands = settings.of(session.from_host);
	if not session.secure and demands.mode == "TLSRequired" then
		replace(features, "starttls", xmlns_tls, st.stanza("starttls", { xmlns = xmlns_tls }):tag("required"):up());
		replace(features, "dialback", xmlns_dialback);
		return;
	end
	if security.objection(session, session.from_host, "EXTERNAL", demands) then
		replace(features, "mechanisms", xmlns_sasl);
		session.external_auth = nil;
	end
	-- Also where the peer itself is not identified by dialback: on such a stream it verifies ours (db:verify).
	if security.needs_external(demands, "incoming") and security.needs_external(demands, "outgoing") then
		replace(features, "dialback", xmlns_dialback);
		local can_start_tls = not session.secure and features:get_child("starttls", xmlns_tls);
		if not can_start_tls and not features:get_child("mechanisms", xmlns_sasl) then
			security.refuse(session, security.objection(session, session.from_host, "EXTERNAL", demands), "not-authorized");
		end
	end
end, -100); -- after all that offer something

-- The stream may be good for others: it stays, and this one is refused
local function refuse_domain(session, domain, attr, cause, why)
	session.log("warn", "Refused %s on the stream of %s at %s: %s", domain, session.from_host, session.ip, why);
	session.xmppfed_refused = true;
	prosody.events.fire_event("xmppfed-peer-refused", { peer = domain, ["local"] = attr.to, direction = "incoming", cause = cause, reason = why });
	session.sends2s(st.stanza("db:result", { from = attr.to, to = attr.from, type = "error" })
		:tag("error", { type = "cancel" })
			:tag("policy-violation", { xmlns = xmlns_errors }):up()
			:tag("text", { xmlns = xmlns_errors }):text(why));
end

module:hook("stanza/jabber:server:dialback:result", function (event)
	local session, attr = event.origin, event.stanza.attr;
	if session.direction ~= "incoming" then return nil; end
	local domain = attr.from and nameprep(attr.from);
	if not domain then return nil; end -- mod_dialback says so
	if not session.from_host then session.xmppfed_unnamed = true; end -- mod_dialback names it next
	local opened_as = not session.xmppfed_unnamed and session.from_host or nil;
	local why = security.objection(session, domain, "dialback");
	if why and (session.type == "s2sin" or domain ~= opened_as) then
		refuse_domain(session, domain, attr, "PolicyRefused", why);
		return true;
	end
	why = why or session.xmppfed_unnamed and security.objection(session, domain, "dialback", settings.of(nil));
	if not why then return nil; end
	security.refuse(session, why);
	return true;
end, 100); -- before mod_xmppfed_incoming (50) and mod_dialback (0)

-- Peers are asked whether a stream is theirs on a stream of ours. Where that fails nobody would ever answer them.
local asking = {}; -- domain -> session -> attributes of its db:result

module:hook("stanza/jabber:server:dialback:result", function (event)
	local session, attr = event.origin, event.stanza.attr;
	local domain = session.direction == "incoming" and attr.from and nameprep(attr.from);
	if not domain then return; end
	asking[domain] = asking[domain] or setmetatable({}, { __mode = "k" });
	asking[domain][session] = attr;
end, 10); -- of what mod_dialback gets

module:hook_global("s2s-destroyed", function (event)
	local ours = event.session;
	if ours.direction ~= "outgoing" or ours.from_host ~= module.host or ours.xmppfed_replaced then return; end
	local domain = ours.to_host;
	local sessions = asking[domain] or {};
	asking[domain] = nil;
	if ours.type == "s2sout" then return; end -- it was asked
	local reason = event.reason or "the stream to it was closed";
	if type(reason) == "table" then reason = reason.text or reason.condition; end
	local why = ("%s cannot be asked whether this stream is its own: %s"):format(domain, tostring(reason));
	for session, attr in pairs(sessions) do
		local state = session.hosts and session.hosts[domain];
		if not state or state.authed then
			-- it has ended, or it has been answered
		elseif session.type == "s2sin" or session.xmppfed_unnamed or domain ~= session.from_host then
			refuse_domain(session, domain, attr, "DialbackNotVerified", why);
		else
			security.refuse(session, why, "remote-connection-failed");
		end
	end
end);

-- A peer asks whether a stream of ours is ours. In plain text anybody on the way could answer.
module:hook("stanza/jabber:server:dialback:verify", function (event)
	local session, attr = event.origin, event.stanza.attr;
	if session.direction ~= "incoming" or session.secure then return nil; end
	if settings.of(attr.from and nameprep(attr.from)).mode ~= "TLSRequired" then return nil; end
	return security.refuse(session, "TLS is required");
end, 100);
