-- Tells senders that what they sent is not delivered.
--
-- What has been accepted and waits is kept as text; to answer it later its head is enough: a table with `name`, `to`,
-- `from`, `id` of a stanza that may be answered with an error (RFC 6120 section 8.3.1).

local st = require "prosody.util.stanza";
local new_error = st.error_reply;

local is_stanza = { message = true, presence = true, iq = true };

local function nothing() end
-- Who the errors come from, for the stanza router: nobody that could be answered
local nobody = { type = "s2sin", dummy = true, send = nothing, close = nothing, log = module._log };

-- The head of a stanza; nil where it may not be answered
local function head(stanza)
	local attr = stanza.attr;
	if attr.type == "error" or attr.type == "result" or not is_stanza[stanza.name] then return nil; end
	return { name = stanza.name, to = attr.to, from = attr.from, id = attr.id };
end

-- Answers a stanza, or one of which the head was kept, with an error that takes the way of any other stanza. False where
-- it may not be answered.
local function bounce(stanza, kind, condition, text)
	local kept = stanza.attr and head(stanza) or not stanza.attr and stanza;
	if not kept then return false; end
	local original = st.stanza(kept.name, { to = kept.to, from = kept.from, id = kept.id });
	prosody.core_process_stanza(nobody, new_error(original, kind, condition, text));
	return true;
end

return { head = head, bounce = bounce };
