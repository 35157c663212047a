-- Both roles, global: leaves out what costs and serves nobody: strings for debug lines that nobody reads, and questions
-- to the poller (xmppfed_writes.lib.lua).
--
-- Prosody builds stanza:top_tag() for a debug line of every stanza it reads and writes, also where the level is off.
-- That is about a fifth of its CPU. The full tag is of use in debug logs only, so those three kinds of stanza give
-- their name instead.

module:set_global();

module:require "xmppfed_writes".install();

local stanza_methods = require "prosody.util.stanza".stanza_mt.__index;
local top_tag = stanza_methods.top_tag;
local is_stanza = { message = true, presence = true, iq = true };

function stanza_methods.top_tag(stanza)
	return is_stanza[stanza.name] and stanza.name or top_tag(stanza);
end

function module.unload()
	stanza_methods.top_tag = top_tag;
end
