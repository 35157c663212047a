-- How much memory the process has after a stream brought 8 MiB with element names that are all different: once in stanzas
-- that stay bytes, and then in ones that are made elements. Prints a line "N MiB" for each.

package.path = "/usr/lib/?.lua;"..package.path;
package.cpath = "/usr/lib/?.so;"..package.cpath;

local xmppstream = require "prosody.util.xmppstream";
dofile(arg[1]);

local function resident()
	for line in io.lines("/proc/self/status") do
		local size = line:match("^VmRSS:%s+(%d+) kB");
		if size then return tonumber(size) // 1024; end
	end
end

local session = { notopen = true };
session.stream = xmppstream.new(session, {
	default_ns = "jabber:server";
	streamopened = function (s) s.notopen = nil; end;
	handlestanza = function () end;
}, 512 * 1024);
assert(session.stream:feed("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"));

local name = 0;
for _, text in ipairs { "", "<![CDATA[]]>" } do
	local total = 0;
	while total < 8 * 1024 * 1024 do
		local parts = { "<message>", text };
		for _ = 1, 1000 do
			name = name + 1;
			table.insert(parts, ("<a%x/>"):format(name));
		end
		table.insert(parts, "</message>");
		local stanza = table.concat(parts);
		assert(session.stream:feed(stanza));
		total = total + #stanza;
	end
	print(resident().." MiB");
end
