-- Remembers how addresses are written in their prepared form (RFC 6122: nodeprep, nameprep, resourceprep). A stanza has
-- two, a gateway sees the same ones again and again, and preparing them is three calls of ICU for each.
--
-- Run by the configuration file (RunScript) before Prosody loads what uses util.jid.
--
-- Invariant: the result is a function of the address alone, so nothing that is remembered can be wrong.

local jid = require "prosody.util.jid";

local most = 4096;    -- addresses; all are forgotten when there are more
local longest = 512;  -- bytes; longer ones are not remembered

if jid.xmppfed_prepped_split then return; end -- the configuration is read again on SIGHUP
local prepped_split = jid.prepped_split;
jid.xmppfed_prepped_split = prepped_split;

local known, count = {}, 0; -- address -> { node, host, resource }

function jid.prepped_split(address, strict)
	local parts = not strict and known[address];
	if parts then return parts[1], parts[2], parts[3]; end
	local node, host, resource = prepped_split(address, strict);
	if host and not strict and #address <= longest then
		if count >= most then known, count = {}, 0; end
		known[address], count = { node, host, resource }, count + 1;
	end
	return node, host, resource;
end
