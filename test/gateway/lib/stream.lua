-- Reads the same bytes with Prosody's util.xmppstream and with what stands in for it, and prints where they differ.
-- Standard input: lines "DATA hex" (bytes that come);
-- "CASE" starts a case, "RESTART name" lets both restart their stream after an element of that name.
-- Standard output: a line for each case, "same N folded M" or "differs: ...".

package.path = "/usr/lib/?.lua;"..package.path;
package.cpath = "/usr/lib/?.so;"..package.cpath;

local xmppstream = require "prosody.util.xmppstream";
local st = require "prosody.util.stanza";
local original = xmppstream.new;
dofile(arg[1]);
local stand_in = xmppstream.new;
assert(stand_in ~= original);

-- All that an element is, as text
local function dump(element)
	if type(element) == "string" then return ("%q"):format(element); end
	local names, parts = {}, {};
	for name in pairs(element.attr) do table.insert(names, name); end
	table.sort(names);
	for _, name in ipairs(names) do table.insert(parts, ("%q=%q"):format(name, element.attr[name])); end
	table.insert(parts, "#"..#element.tags);
	for _, child in ipairs(element) do table.insert(parts, dump(child)); end
	return element.name.."("..table.concat(parts, " ")..")";
end

local function reader(new, default_ns, limit)
	local events = {};
	local session = { notopen = true, events = events };
	session.stream = new(session, {
		default_ns = default_ns;
		streamopened = function (s, attr)
			s.notopen = nil;
			table.insert(events, { text = "opened "..dump(st.stanza("x", attr)) });
		end;
		streamclosed = function () table.insert(events, { text = "closed" }); end;
		error = function (_, kind, data)
			table.insert(events, { text = "error "..kind.." "..(st.is_stanza(data) and dump(data) or tostring(data)) });
		end;
		handlestanza = function (s, stanza)
			assert(st.is_stanza(stanza));
			local folded = rawget(stanza, "xmppfed_content") ~= nil;
			table.insert(events, { written = tostring(stanza), folded = folded, stanza = stanza });
			if s.restart_after == stanza.name then
				s.notopen = true;
				s.stream:reset();
			end
		end;
	}, limit or 10000);
	function session.read(data)
		local ok, good, err = pcall(session.stream.feed, session.stream, data);
		-- Expat numbers and positions differ after a restart only
		table.insert(events, { text = "fed "..tostring(ok and (good and true or err == "stanza-too-large" and err or "error")) });
	end
	return session;
end

-- What a stanza that was written is on a stream with another namespace
local function reread(default_ns, written)
	local other = reader(original, default_ns, 1e9);
	other.read(("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='%s'>"):format(default_ns));
	other.read(written);
	local event = other.events[3];
	if #other.events ~= 4 or not event or not event.stanza then return "unreadable: "..written; end
	return dump(event.stanza);
end

local theirs, ours, folded_count;

local function finish()
	if not theirs then return; end
	local difference;
	local a, b = theirs.events, ours.events;
	for i = 1, math.min(#a, #b) do
		if difference then break; end
		if a[i].text or b[i].text then
			if a[i].text ~= b[i].text then difference = ("%s instead of %s"):format(b[i].text or b[i].written, a[i].text or a[i].written); end
		else
			for _, default_ns in ipairs { "jabber:server", "jabber:component:accept" } do
				local theirs_read, ours_read = reread(default_ns, a[i].written), reread(default_ns, b[i].written);
				if theirs_read ~= ours_read then difference = ("on %s %s instead of %s"):format(default_ns, ours_read, theirs_read); end
			end
			local copy = st.clone(b[i].stanza);
			if dump(copy) ~= dump(a[i].stanza) then difference = ("clone %s instead of %s"):format(dump(copy), dump(a[i].stanza)); end
			if dump(b[i].stanza) ~= dump(a[i].stanza) then difference = ("%s instead of %s"):format(dump(b[i].stanza), dump(a[i].stanza)); end
			if b[i].folded then folded_count = folded_count + 1; end
		end
	end
	if not difference and #a ~= #b then difference = ("%d events instead of %d"):format(#b, #a); end
	print(difference and "differs: "..difference or ("same %d folded %d"):format(#a, folded_count));
end

for line in io.lines() do
	local word, rest = line:match("^(%S+) ?(.*)$");
	if word == "CASE" then
		finish();
		folded_count = 0;
		theirs, ours = reader(original, "jabber:server"), reader(stand_in, "jabber:server");
	elseif word == "RESTART" then
		theirs.restart_after, ours.restart_after = rest, rest;
	elseif word == "DATA" then
		local data = rest:gsub("%x%x", function (digits) return string.char(tonumber(digits, 16)); end);
		theirs.read(data);
		ours.read(data);
	end
end
finish();
