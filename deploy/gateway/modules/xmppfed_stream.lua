-- Stands in for Prosody's util.xmppstream on streams between servers and on links: a stanza that only passes through is
-- never taken apart and put together again.
--
-- Every byte still goes through Expat, which refuses what is not well-formed XML (RFC 6120 section 11.1 holds as well).
-- But of a stanza only the start tag becomes Lua values. Its content stays the bytes that were read; they become
-- child elements (by Prosody's own parser) when somebody looks at them, and are written as they are when nobody did.
-- For all of Prosody and its modules such a stanza is a stanza: st.is_stanza(), all methods, #, ipairs() and pairs()
-- work. Changes of its attributes are written.
--
-- Run by the configuration file (RunScript) before Prosody loads what uses util.xmppstream.
--
-- Invariants:
--   * Bytes are passed on only where they mean the same on any other stream. Content becomes elements at once where it
--     might use a namespace prefix of the stream header, declares one, names the stream's own namespace, or has a CDATA
--     section.
--   * What is no message, presence or iq (stream features, dialback, SASL, link messages) becomes elements at once.
--   * Limits count the bytes of an element from its first one, whether it is complete or not. (util.xmppstream lets an
--     element of any length pass that comes in one read.)
--   * What a parser holds is bounded. Expat keeps every name of an element or attribute that it has seen, about 15 bytes
--     for each byte read where all of them differ: parsers are replaced while their stream goes on.
--   * What a peer sends takes CPU in proportion to its length.

local lxp = require "lxp";
local st = require "prosody.util.stanza";
local xmppstream = require "prosody.util.xmppstream";

local find, sub, gmatch, match = string.find, string.sub, string.gmatch, string.match;
local concat, sort = table.concat, table.sort;
local rawget, rawset, setmetatable, next = rawget, rawset, setmetatable, next;

local stanza_mt, xml_escape = st.stanza_mt, st.xml_escape;
local stanza_methods = stanza_mt.__index;
local original_new = xmppstream.new;

if xmppstream.xmppfed_original then return; end -- the configuration is read again on SIGHUP
xmppstream.xmppfed_original = original_new;

local separator = xmppstream.ns_separator;
local xmlns_streams = "http://etherx.jabber.org/streams";
local lang_attribute = "http://www.w3.org/XML/1998/namespace"..separator.."lang";
local served = { ["jabber:server"] = true, ["jabber:component:accept"] = true };
local most_chunks = 64; -- pieces that an unfinished element is kept in, before they are joined
local most_signs = 16; -- that content is searched for; elements are made at once on a stream with more
local parser_bytes = 128 * 1024; -- that one parser reads, and four times what is unfinished then and is read again

-- ELEMENTS FROM BYTES ------------------------------------------------------------------------------------------------

local parsers, parser_count, most_parsers = {}, 0, 32; -- stream header -> parser that has read it

-- The element that `xml` is on a stream with that header and default namespace. The header has the namespaces only, so
-- that many streams share it.
local function parse(context, xml)
	local parser = parsers[context];
	if not parser then
		if parser_count >= most_parsers then parsers, parser_count = {}, 0; end
		local session = { notopen = true };
		parser = { session = session, read = 0 };
		local function on_element(element)
			parser.element = element;
			-- Within the callback, so that feed() frees Expat's parser
			if parser.read > parser_bytes then parser.stream:reset(); end
		end
		parser.stream = original_new(session, {
			default_ns = context.default_ns;
			streamopened = function () session.notopen = nil; end;
			handlestanza = function (_, element) on_element(element); end;
			error = function (_, _, element) on_element(element); end; -- <stream:error/>
		}, math.maxinteger);
		assert(parser.stream:feed(context.header));
		parsers[context], parser_count = parser, parser_count + 1;
	end
	parser.element, parser.read = nil, parser.read + #xml;
	local ok, err = parser.stream:feed(xml);
	local element = parser.element;
	if not ok or not st.is_stanza(element) then
		parsers[context], parser_count = nil, parser_count - 1;
		error("an element that was read cannot be read again: "..tostring(err or element));
	end
	if parser.read > parser_bytes then
		parser.read, parser.session.notopen = 0, true;
		assert(parser.stream:feed(context.header));
	end
	return element;
end

local contexts = setmetatable({}, { __mode = "v" }); -- default namespace and header -> context

-- What content means depends on the namespaces and the language of the stream header.
local function context_of(default_ns, header)
	-- A sign has a colon. Below an element with a prefix of its own the default namespace is the stream's again, which
	-- Prosody would write by name.
	local kept, signs = {}, { default_ns, "xmlns:" };
	local root, attributes = match(header, "^<([^%s/>]+)()");
	for name, quote, value in gmatch(sub(header, attributes), "([^%s=]+)%s*=%s*(['\"])(.-)%2") do
		local prefix = match(name, "^xmlns:(.+)$");
		if prefix then signs[#signs + 1] = prefix..":"; end
		if prefix or name == "xmlns" or name == "xml:lang" then kept[#kept + 1] = name.."="..quote..value..quote; end
	end
	sort(kept);
	local tag = ("<%s %s>"):format(root, concat(kept, " "));
	local key = default_ns.." "..tag;
	local context = contexts[key];
	if not context then
		context = { default_ns = default_ns, header = tag, signs = signs };
		contexts[key] = context;
	end
	return context;
end

-- STANZAS WITH CONTENT IN BYTES --------------------------------------------------------------------------------------

local function unfold(stanza)
	local content = rawget(stanza, "xmppfed_content");
	if not content then return; end
	rawset(stanza, "xmppfed_content", nil);
	local element = parse(stanza.xmppfed_context, "<"..stanza.name..">"..content.."</"..stanza.name..">");
	rawset(stanza, "tags", element.tags);
	for i = 1, #element do rawset(stanza, i, element[i]); end
end

local function is_content(key)
	return key == "tags" or type(key) == "number";
end

local folded_mt = { __name = "stanza", __metatable = stanza_mt, __freeze = stanza_mt.__freeze };

function folded_mt.__index(stanza, key)
	if is_content(key) and rawget(stanza, "xmppfed_content") then
		unfold(stanza);
		return rawget(stanza, key);
	end
	return stanza_methods[key];
end

function folded_mt.__newindex(stanza, key, value)
	if is_content(key) then unfold(stanza); end
	rawset(stanza, key, value);
end

function folded_mt.__len(stanza)
	unfold(stanza);
	return rawlen(stanza);
end

function folded_mt.__pairs(stanza)
	unfold(stanza);
	return next, stanza, nil;
end

-- Names that are written often
local opening = {};
for _, name in ipairs { "to", "from", "id", "type", "xml:lang" } do opening[name] = " "..name.."='"; end

function folded_mt.__tostring(stanza)
	local content = rawget(stanza, "xmppfed_content");
	if not content then return stanza_mt.__tostring(stanza); end
	local name = stanza.name;
	local parts, n = { "<", name }, 2;
	for key, value in next, stanza.attr do
		if find(key, separator, 1, true) then
			unfold(stanza);
			return stanza_mt.__tostring(stanza);
		end
		if find(value, "['&<>\"]") then value = xml_escape(value); end
		parts[n + 1], parts[n + 2], parts[n + 3] = opening[key] or " "..key.."='", value, "'";
		n = n + 3;
	end
	if content == "" then
		parts[n + 1] = "/>";
	else
		parts[n + 1], parts[n + 2], parts[n + 3], parts[n + 4], parts[n + 5] = ">", content, "</", name, ">";
	end
	return concat(parts);
end

-- STREAMS ------------------------------------------------------------------------------------------------------------

local function new(session, callbacks, limit, extra)
	local default_ns = callbacks.default_ns;
	if not served[default_ns] then return original_new(session, callbacks, limit, extra); end
	limit = limit or 10000;

	local stream_ns = callbacks.stream_ns or xmlns_streams;
	local stream_tag = stream_ns..separator..(callbacks.stream_tag or "stream");
	local error_tag = stream_ns..separator..(callbacks.error_tag or "error");
	local stanza_names = {};
	for _, name in ipairs { "message", "presence", "iq" } do stanza_names[default_ns..separator..name] = name; end
	local on_error = callbacks.error or function (_, kind) error("XML stream error: "..kind); end;

	local parser, context;
	local shift, since = 0, 0;       -- position that the parser's first byte would have; bytes that came before it
	local max_elements, elements;    -- a stanza may have that many child elements; how many this one has left
	local lang = "en";               -- of the stream (RFC 6120 section 4.7.4)
	local depth = 0;                 -- open elements: 1 within the stream, 2 or more within a stanza
	local attr, start, tag_end;      -- of the open stanza; positions are bytes from the start of the stream
	local handled = 0;               -- elements that are complete
	local fed, done = 0, 0;          -- bytes that came, bytes up to the end of the last complete element
	local chunks, count, base = {}, 0, 0; -- what came and is not done, and the position that it starts at

	local renewing, is_too_long = false, false;

	local handlers = {};

	local function bytes(from, to)
		if count > 1 then chunks, count = { concat(chunks, "", 1, count) }, 1; end
		return sub(chunks[1], from - base + 1, to - base);
	end

	local function restricted(self)
		on_error(session, "parse-error", "restricted-xml", "Restricted XML, see RFC 6120 section 11.1.");
		if not self.stop or not self:stop() then error("Failed to abort parsing"); end
	end

	-- Callbacks of a parser that a restart of the stream has replaced mean nothing.
	local function open_stream(self, name, attributes)
		local _, _, position = self:pos();
		start, done = position - 1, position - 1 + self:getcurrentbytecount();
		if name ~= stream_tag then return on_error(session, "no-stream", name); end
		local header = bytes(start, done);
		if find(header, "\0", 1, true) then return restricted(self); end -- UTF-16
		context = context_of(default_ns, header);
		for i = 1, #attributes do attributes[i] = nil; end
		attributes["xml:lang"], attributes[lang_attribute] = attributes[lang_attribute], nil;
		attributes.xmlns = stream_ns;
		lang = attributes["xml:lang"] or lang;
		if callbacks.streamopened then callbacks.streamopened(session, attributes); end
	end

	function handlers:StartElement(name, attributes)
		if self ~= parser then return; end
		depth = depth + 1;
		if renewing then return; end
		if depth > 2 then
			if elements then
				elements = elements - 1;
				if elements <= 0 then
					on_error(session, "parse-error", "resource-constraint", "Stanza exceeds permitted children");
					if not self.stop or not self:stop() then error("Failed to abort parsing"); end
				end
			end
			return;
		end
		if depth == 1 then return open_stream(self, name, attributes); end
		if session.notopen then return on_error(session, "no-stream", name); end -- the stream header was refused
		local _, _, position = self:pos();
		start = position - 1 + shift;
		tag_end = start + self:getcurrentbytecount();
		attr, elements = attributes, max_elements;
	end

	-- The open stanza with its content in bytes, nil where they might mean something else on another stream
	local function fold(name, content_end)
		local start_tag = bytes(start, tag_end);
		if #context.signs > most_signs then return nil; end
		-- Without a prefix (which may be the same word), so the stream's default namespace is its own
		if sub(start_tag, 2, #name + 1) ~= name or sub(start_tag, #name + 2, #name + 2) == ":"
		or find(start_tag, "xmlns", 1, true) then return nil; end
		for i = 1, #attr do
			local attribute = attr[i];
			attr[i] = nil;
			if opening[attribute] then
				-- as it is, in nearly every case
			elseif attribute == lang_attribute then
				attr["xml:lang"], attr[attribute] = attr[attribute], nil;
			elseif find(attribute, separator, 1, true) then
				return nil;
			end
		end
		local content = content_end > tag_end and bytes(tag_end, content_end) or "";
		if find(content, "<!", 1, true) then return nil; end -- CDATA
		if find(content, ":", 1, true) then
			local signs = context.signs;
			for i = 1, #signs do
				if find(content, signs[i], 1, true) then return nil; end
			end
		end
		return setmetatable({ name = name, attr = attr, xmppfed_content = content, xmppfed_context = context }, folded_mt);
	end

	function handlers:EndElement(name)
		if self ~= parser then return; end
		depth = depth - 1;
		if depth >= 2 then return; end
		local _, _, position = self:pos();
		local tag_start = position - 1 + shift;
		done = tag_start + self:getcurrentbytecount();
		if depth == 0 then
			if callbacks.streamclosed then callbacks.streamclosed(session); end
			return;
		end
		if not attr then return; end
		if done - start > limit then
			is_too_long = true;
			if not self.stop or not self:stop() then error("Failed to abort parsing"); end
			return;
		end
		handled = handled + 1;
		local stanza_name = stanza_names[name];
		local stanza = stanza_name and fold(stanza_name, tag_start) or parse(context, bytes(start, done));
		attr = nil;
		if stanza.attr["xml:lang"] == nil then stanza.attr["xml:lang"] = lang; end
		if name == error_tag then return on_error(session, "stream-error", stanza); end
		callbacks.handlestanza(session, stanza);
	end

	function handlers:XmlDecl(version, encoding, standalone)
		if (encoding and encoding:lower() ~= "utf-8") or standalone == "no" or (version and version ~= "1.0") then
			restricted(self);
		end
	end

	handlers.StartDoctypeDecl, handlers.Comment, handlers.ProcessingInstruction = restricted, restricted, restricted;

	local function restart()
		parser = lxp.new(handlers, separator, false);
		context, depth, attr, fed, done, chunks, count, base = nil, 0, nil, 0, 0, {}, 0, 0;
		shift, since = 0, 0;
	end
	restart();

	-- Goes on with a new parser, which reads the header and what is unfinished again. Within an unfinished stanza nothing
	-- is told to anybody, so nothing is told twice.
	local function renew()
		local old, header = parser, context.header;
		parser = lxp.new(handlers, separator, false);
		old:parse();
		old:close();
		depth, attr, shift, since = 0, nil, done - #header, fed;
		renewing = true;
		local ok, err = parser:parse(header);
		renewing = false;
		if ok and fed > done then ok, err = parser:parse(bytes(done, fed)); end
		return ok, err;
	end

	-- Keeps of what came only what is not done
	local function forget()
		if fed == done then
			chunks, count, base = {}, 0, fed;
			return;
		end
		if done > base then
			chunks, count, base = { bytes(done, fed) }, 1, done;
		elseif count >= most_chunks then
			chunks, count = { concat(chunks, "", 1, count) }, 1;
		end
		-- Blanks between stanzas keep a connection alive and belong to nothing.
		if depth == 1 and count == 1 and not find(chunks[1], "%S") then
			chunks, count, base, done = {}, 0, fed, fed;
		end
	end

	function session.open_stream(self, from, to)
		local attributes = {
			["xmlns:stream"] = xmlns_streams;
			["xml:lang"] = "en";
			xmlns = default_ns;
			version = self.version and self.version > 0 and "1.0" or nil;
			id = self.streamid or "";
			from = from or self.host;
			to = to;
		};
		if self.stream_attrs then self:stream_attrs(from, to, attributes); end
		(self.sends2s or self.send)("<?xml version='1.0'?>"..st.stanza("stream:stream", attributes):top_tag());
		return true;
	end

	return {
		reset = restart;
		feed = function (_, data)
			local current = parser;
			count = count + 1;
			chunks[count] = data;
			fed = fed + #data;
			local ok, err = current:parse(data);
			if current ~= parser then
				current:parse();
				current:close();
				return ok, err;
			end
			forget();
			if is_too_long or fed - done > limit then return nil, "stanza-too-large"; end
			if ok and depth > 0 and context and not session.notopen and fed - since > parser_bytes + 4 * (fed - done) then
				return renew();
			end
			return ok, err;
		end;
		held = function () return fed - done; end; -- bytes of what has begun and not ended
		handled = function () return handled; end; -- elements that were complete, since the stream came to be
		set_session = function (_, new_session) session = new_session; end;
		set_stanza_size_limit = function (_, new_limit, new_max_elements)
			limit, max_elements = new_limit, new_max_elements;
		end;
	};
end

xmppstream.new = new;
