-- Asks the renaming of email addresses, as the router does: stanzas are read by xmppfed_stream.lua, renamed, written and
-- read again by Prosody's own parser.
-- Arguments: xmppfed_stream.lua, xmppfed_email_mapping.lib.lua, xmppfed_email_rewrite.lib.lua
-- Standard input: lines "LOCAL domain...", which begins anew; "MAPPING hex" (lines of mappings);
-- "PAIR hex hex" (a stanza inside, and as it is outside); "NAMES hex" (bare JIDs, one a line).
-- Standard output: for a MAPPING its number or why it cannot be used; for a PAIR "same" or where it differs, then whether
-- the first one was renamed as bytes; for NAMES "same", or the first one that does not come back.

package.path = "/usr/lib/?.lua;"..package.path;
package.cpath = "/usr/lib/?.so;"..package.cpath;

local xmppstream = require "prosody.util.xmppstream";
local original = xmppstream.new;
dofile(arg[1]);
local stand_in = xmppstream.new;
local new_mapping = dofile(arg[2]).new;
local renaming = dofile(arg[3]);

local header = "<stream:stream xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams'>";

-- Gives a function that reads one stanza after the other
local function reader(new, default_ns)
	local element;
	local session = { notopen = true };
	local stream = new(session, {
		default_ns = default_ns;
		streamopened = function () session.notopen = nil; end;
		handlestanza = function (_, stanza) element = stanza; end;
		error = function (_, kind) error(kind); end;
	}, 1e9);
	assert(stream:feed(header:format(default_ns)));
	return function (xml)
		element = nil;
		assert(stream:feed(xml));
		return assert(element, xml);
	end;
end

local read_as_router = reader(stand_in, "jabber:server");
local read_as_prosody = reader(original, "jabber:component:accept");

-- All that an element is, as text
local function dump(element)
	if type(element) == "string" then return ("%q"):format(element); end
	local names, parts = {}, {};
	for name in pairs(element.attr) do table.insert(names, name); end
	table.sort(names);
	for _, name in ipairs(names) do table.insert(parts, ("%q=%q"):format(name, element.attr[name])); end
	for _, child in ipairs(element) do table.insert(parts, dump(child)); end
	return element.name.."("..table.concat(parts, " ")..")";
end

local mapping;

-- Gives text, and whether the content stayed bytes
local function renamed(xml, direction)
	local stanza = read_as_router(xml);
	renaming.rewrite(stanza, mapping.domains, function (name) return mapping[direction](mapping, name); end);
	return tostring(stanza), rawget(stanza, "xmppfed_content") ~= nil;
end

local function meaning(xml)
	return dump(read_as_prosody(xml));
end

local function difference(what, found, wanted)
	if meaning(found) ~= meaning(wanted) then return ("%s: %s instead of %s"):format(what, found, wanted); end
end

local function compare(inside, outside)
	local out, in_bytes = renamed(inside, "outside");
	local back = renamed(outside, "inside");
	local differing = difference("going out", out, outside) or difference("coming in", back, inside)
		or difference("out and in", renamed(out, "inside"), inside) or difference("in and out", renamed(back, "outside"), outside);
	return differing or "same"..(in_bytes and " bytes" or "");
end

local function from_hex(text)
	return (text:gsub("%x%x", function (digits) return string.char(tonumber(digits, 16)); end));
end

local commands = {};
local local_domains;

function commands.LOCAL(domains)
	local_domains = {};
	for domain in domains:gmatch("%S+") do local_domains[domain] = true; end
	mapping = new_mapping(local_domains);
end

function commands.MAPPING(hex)
	local text, place, why = from_hex(hex), 1, nil;
	repeat
		place, why = mapping:add(text, place, 2);
	until not place;
	print(why or mapping.count);
end

function commands.PAIR(pair)
	local inside, outside = pair:match("^(%x+) (%x+)$");
	print((compare(from_hex(inside), from_hex(outside))));
end

function commands.NAMES(hex)
	for name in from_hex(hex):gmatch("[^\n]+") do
		local out, back = mapping:outside(name) or name, mapping:inside(name) or name;
		if (mapping:inside(out) or out) ~= name then return print(("%s is %s outside, which is not it inside"):format(name, out)); end
		if (mapping:outside(back) or back) ~= name then return print(("%s is %s inside, which is not it outside"):format(name, back)); end
	end
	print("same");
end

for line in io.lines() do
	local word, rest = line:match("^(%S+) ?(.*)$");
	commands[word](rest);
end
