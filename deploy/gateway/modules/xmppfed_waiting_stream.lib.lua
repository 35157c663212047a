-- An XMPP stream over a connection of LuaSocket or LuaSec, read element by element by a program that waits for it. Uses
-- nothing of a module: for xmppfed_check.lua, a process of its own.

local socket = require "socket";
local xml_escape = require "prosody.util.stanza".xml_escape;
local monotonic = require "prosody.util.time".monotonic;
local xmppstream = require "prosody.util.xmppstream";

-- A stream from one domain to another, whose header is sent. `send_limit`: seconds for what is sent
local function open(conn, from, to, send_limit)
	local stream = { conn = conn, elements = {}, ended = nil };
	local session = { notopen = true, log = function () end };
	local parser = xmppstream.new(session, {
		default_ns = "jabber:server";
		streamopened = function (_, attr)
			session.notopen, stream.id = nil, attr.id;
			stream.version = tonumber(attr.version) or 0;
		end;
		streamclosed = function () stream.ended = stream.ended or "the peer closed the stream"; end;
		handlestanza = function (_, element) table.insert(stream.elements, element); end;
		error = function (_, kind, element)
			if kind ~= "stream-error" then
				stream.ended, stream.bad = ("what comes is no XMPP (%s)"):format(kind), true;
				return;
			end
			stream.condition = element.tags[1] and element.tags[1].name or "undefined-condition";
			local text = element:get_child_text("text", "urn:ietf:params:xml:ns:xmpp-streams");
			stream.ended = stream.condition..(text and (" (%s)"):format(text) or "");
		end;
	}, 512 * 1024);

	function stream.send(data) conn:settimeout(send_limit); conn:send(tostring(data)); conn:settimeout(0); end

	-- The next element, or nil and why there is none
	function stream.next(limit)
		local deadline = monotonic() + limit;
		while not stream.elements[1] do
			if stream.ended then return nil, stream.ended; end
			local data, err, partial = conn:receive(65536);
			data = data or partial;
			if data and #data > 0 then
				local ok, wrong = parser:feed(data);
				if not ok and not stream.ended then stream.ended, stream.bad = ("what comes is no XMPP (%s)"):format(tostring(wrong)), true; end
			elseif err == "timeout" or err == "wantread" or err == "wantwrite" then
				local left = deadline - monotonic();
				if left <= 0 then return nil, ("no answer within %d s"):format(limit); end
				socket.select({ conn }, nil, left);
			else
				stream.ended = tostring(err);
			end
		end
		return table.remove(stream.elements, 1);
	end

	stream.send(("<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' version='1.0' from='%s' to='%s'>")
		:format(xml_escape(from), xml_escape(to)));
	return stream;
end

return { open = open };
