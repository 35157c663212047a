-- Federation connection manager, global and on each local domain: what the settings of a peer leave open and fails is
-- tried again without, and what waited for the stream waits for the next one.
--
-- | What failed                    | Where                                | Tried again           | For 10 minutes          |
-- |--------------------------------|--------------------------------------|-----------------------|-------------------------|
-- | TLS handshake, our stream      | TLSOptional                          | without TLS           | that domain and address |
-- | TLS handshake, the peer's      | TLSOptional                          | by the peer           | that domain and address |
-- | SASL EXTERNAL, our stream      | Offered, and dialback is Enabled     | by dialback           | that domain             |
--
-- Prosody tries none of this again. A handshake that fails counts for the address that it failed with: whoever breaks one
-- in a peer's name does not switch TLS off for that peer, whose address is another. What is remembered is looked at only
-- where the settings of the peer say TLSOptional at that moment.
--
-- A peer whose TLS is broken asks us whether a stream of ours is ours (db:verify) on a stream that may break as well, at
-- another node, which does not know yet; Prosody peers then never answer. So a plain stream that is not authenticated
-- after a few seconds is opened again.

module:set_global();

local add_task = require "prosody.util.timer".add_task;
local monotonic = require "prosody.util.time".monotonic;
local outgoing = module:depends("xmppfed_outgoing");
local security = module:depends("xmppfed_peer_security");
local settings = module:depends("xmppfed_peer_settings");

local remembered_for = 600; -- seconds
local max_remembered = 1000; -- anybody can break a handshake in many names
local patience = 3; -- seconds for an answer to dialback
local max_tries = 2; -- for want of such an answer

-- What failed, for a while. Past `max_remembered` the oldest goes.
local function new_memory()
	local memory, until_when, order = {}, {}, {};
	-- No domain: of a peer that does not say who it is
	local function key(domain, address) return (domain or "").."\0"..(address or ""); end
	function memory:add(domain, address) -- luacheck: ignore 212/self
		local k = key(domain, address);
		if not until_when[k] then
			if #order >= max_remembered then until_when[table.remove(order, 1)] = nil; end
			table.insert(order, k);
		end
		until_when[k] = monotonic() + remembered_for;
	end
	function memory:has(domain, address) -- luacheck: ignore 212/self
		local time = until_when[key(domain, address)];
		return time ~= nil and time > monotonic();
	end
	return memory;
end

local tls_failures = new_memory(); -- domain and address
external_failures = new_memory(); -- domain

-- Whether a stream is to do without TLS, for it failed before. One that the peer opens may be there to ask about a key of
-- ours, which needs no SASL EXTERNAL; on ours nothing comes about without where that is needed.
function skips_tls(domain, address, direction)
	local demands = settings.of(domain);
	if direction == "outgoing" and security.needs_external(demands, direction) then return false; end
	return demands.mode == "TLSOptional" and tls_failures:has(domain, address);
end

local function tls_failed(session)
	-- mod_tls: `starttls` from the request on; `secure` is true from the first stream header inside TLS on
	return session.starttls and not session.secure;
end

-- Whether the stream is to be opened again
local function learn(session, reason)
	local demands = settings.of(session.to_host);
	if session.xmppfed_again then return true; end
	if demands.mode == "TLSOptional" and tls_failed(session) and not security.needs_external(demands, "outgoing") then
		module:log("warn", "TLS handshake with %s at %s failed (%s): it is tried without TLS", session.to_host, session.ip, tostring(reason));
		tls_failures:add(session.to_host, session.ip);
		return true;
	end
	local attempted = session.external_auth == "attempting" or session.external_auth == "failed";
	if session.type == "s2sout_unauthed" and attempted and not external_failures:has(session.to_host)
	and not security.needs_external(demands, "outgoing") then
		module:log("warn", "SASL EXTERNAL with %s failed (%s): it is tried by dialback", session.to_host, tostring(reason));
		external_failures:add(session.to_host);
		return true;
	end
	return false;
end

module:hook("s2s-connected", function (event)
	local session = event.session;
	if session.direction ~= "outgoing" or session.secure then return; end
	if not skips_tls(session.to_host, session.conn:ip(), "outgoing") then return; end
	session.ssl_ctx = false; -- mod_tls does not start it
	local tries = session.xmppfed_tries or 0;
	if tries >= max_tries then return; end
	add_task(patience, function ()
		if session.type ~= "s2sout_unauthed" or not session.dialback_key then return; end
		session.xmppfed_again = tries + 1;
		session:close(nil, "no answer to dialback");
	end);
end);

module:hook("s2s-destroyed", function (event)
	local session = event.session;
	if session.direction ~= "incoming" or not tls_failed(session) then return; end
	local domain = session.from_host;
	local demands = settings.of(domain);
	if demands.mode ~= "TLSOptional" or security.needs_external(demands, "incoming") then return; end
	module:log("warn", "TLS handshake of %s at %s failed: STARTTLS is not offered to it for %d s",
		domain or "a peer that did not say who it is", session.ip, remembered_for);
	tls_failures:add(domain, session.ip);
end);

function module.add_host(module)
	module:hook("s2sout-created", function (event)
		local session = event.session;
		local bounce = session.bounce_sendq;
		-- Called when the session is destroyed, already out of the host's streams
		function session.bounce_sendq(self, reason)
			if self.sendq and learn(self, reason) and outgoing.reopen(self, { xmppfed_tries = self.xmppfed_again }) then
				self.xmppfed_replaced = true;
				return;
			end
			bounce(self, reason);
		end
	end, 50); -- after mod_xmppfed_outgoing (100)
end
