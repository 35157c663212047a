-- The user echo@ of the peer, who answers a message with what it says.

local st = require "prosody.util.stanza";
local jid_node = require "prosody.util.jid".node;

module:hook("message/bare", function (event)
	local message = event.stanza;
	local from, to, id, kind = message.attr.from, message.attr.to, message.attr.id, message.attr.type;
	if kind == "error" or jid_node(to) ~= "echo" then return; end
	module:send(st.message({ from = to, to = from, id = id, type = "chat" }, message:get_child_text("body")));
	return true;
end, 10);
