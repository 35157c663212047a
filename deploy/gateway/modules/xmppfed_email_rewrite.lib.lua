-- Renames users in a stanza, wherever a protocol has an address (R13). Of itself it knows nobody: a function tells what a
-- bare JID becomes.
--
-- Places are found by what they are, never by what stands there, so that they are the same ones after renaming:
--
--   * attributes of any element by their names (`attributes`, `uri`). What is there is renamed only if it is the JID of a
--     user of a local domain as a whole, so that an attribute of that name that means something else is hardly ever one.
--     A list of all elements that have them would miss those of protocols that it does not know.
--   * text of elements that a protocol defines as an address (`texts`), and of fields of forms (`is_address_field`).
--
-- Never renamed: what people write (body, also that of XHTML-IM, subject, nicknames), nodes, and what is encrypted or signed.
--
-- A JID that is not in its prepared form is renamed like that one; the name that it gets is in its prepared form.

local find, gmatch, gsub, match, sub = string.find, string.gmatch, string.gsub, string.match, string.sub;
local rawget = rawget;

local jid_util = require "prosody.util.jid";

-- JIDs. XEPs that have them: see docs/email-addresses.md
local attributes = { "by", "from", "initiator", "jid", "publisher", "responder", "to", "with" };

-- Namespace -> element -> what its text is
local texts = {
	["http://www.w3.org/2005/Atom"] = { uri = "uri" }; -- author of a post (XEP-0277)
	["jabber:iq:gateway"] = { jid = "jid" }; -- XEP-0100
	["urn:ietf:params:xml:ns:vcard-4.0"] = { uri = "uri" }; -- impp (XEP-0292)
	["urn:ietf:params:xml:ns:xmpp-stanzas"] = { gone = "uri", redirect = "uri" }; -- RFC 6120 section 8.3.3
	["urn:xmpp:mix:core:1"] = { jid = "jid" }; -- XEP-0369
	["urn:xmpp:mix:misc:0"] = { invitee = "jid", inviter = "jid" }; -- XEP-0407
	["urn:xmpp:moved:1"] = { ["new-jid"] = "jid", ["old-jid"] = "jid" }; -- XEP-0283
	["vcard-temp"] = { JABBERID = "jid" }; -- XEP-0054
};

local xmlns_form = "jabber:x:data";
local jid_fields = { ["jid-multi"] = true, ["jid-single"] = true }; -- types (XEP-0004)
-- Who submits a form may leave types out
local jid_variables = {
	["accountjid"] = true, ["accountjids"] = true; -- XEP-0133
	["jid"] = true; -- XEP-0055
	["muc#jid"] = true, ["muc#roomconfig_roomadmins"] = true, ["muc#roomconfig_roomowners"] = true; -- XEP-0045
	["pubsub#contact"] = true, ["pubsub#creator"] = true, ["pubsub#owner"] = true; -- XEP-0060
	["pubsub#replyto"] = true, ["pubsub#subscriber_jid"] = true; -- XEP-0060
	["with"] = true; -- XEP-0313
};

-- The bare JID, in its prepared form, of a user of one of the domains, and what is behind it; nil where it is none
local function split(jid, domains)
	local slash = find(jid, "/", 1, true);
	local bare = slash and sub(jid, 1, slash - 1) or jid;
	local at = find(bare, "@", 1, true);
	if not at then return nil; end
	local domain = sub(bare, at + 1);
	if not domains[domain] and not find(domain, "[%u\128-\255]") and sub(domain, -1) ~= "." then return nil; end
	if not domains[domain] or find(bare, "[%u\128-\255]") then
		local localpart, host = jid_util.prepped_split(bare);
		if not localpart or not domains[host] then return nil; end
		bare = localpart.."@"..host;
	end
	return bare, slash and sub(jid, slash) or "";
end

-- Whether content in bytes may have a JID of one of the domains. True where that is not sure.
local function may_name(content, domains)
	if not find(content, "@", 1, true) then return find(content, "&#", 1, true) ~= nil; end
	if find(content, "&#", 1, true) then return true; end
	for domain in gmatch(content, "@([^@/?#<>&'\"%s]*)") do
		if domains[domain] or find(domain, "[%u%%\128-\255]") or sub(domain, -1) == "." then return true; end
	end
	return false;
end

local function from_hex(digits) return string.char(tonumber(digits, 16)); end
local function to_hex(byte) return ("%%%02X"):format(byte:byte()); end

local renamings = {};

function renamings.jid(value, domains, rename)
	local bare, rest = split(value, domains);
	local name = bare and rename(bare);
	return name and name..rest;
end

-- An XMPP URI (RFC 5122) without an authority
function renamings.uri(value, domains, rename)
	local written, rest = match(value, "^xmpp:([^/?#]*@[^/?#]*)(.*)$");
	if not written then return nil; end
	local bare, resource = split((gsub(written, "%%(%x%x)", from_hex)), domains);
	local name = resource == "" and rename(bare);
	return name and "xmpp:"..gsub(name, "[^%w%-._~!$()*+,;=@]", to_hex)..rest;
end

local function rename_text(element, kind, domains, rename)
	if #element.tags > 0 then return; end
	local before, value, after = match(element:get_text() or "", "^(%s*)(.-)(%s*)$");
	local other = renamings[kind](value, domains, rename);
	if not other then return; end
	for i = #element, 2, -1 do element[i] = nil; end
	element[1] = before..other..after;
end

local function is_address_field(field, declared)
	local var = field.attr.var;
	return jid_fields[field.attr.type] or var and (jid_variables[var] or declared[var]);
end

local function rename_fields(parent, declared, domains, rename)
	for field in parent:childtags("field") do
		if is_address_field(field, declared) then
			for value in field:childtags("value") do rename_text(value, "jid", domains, rename); end
		end
	end
end

-- A form; the fields of its items have no types but those that are reported
local function rename_form(form, domains, rename)
	local declared = {};
	local reported = form:get_child("reported");
	if reported then
		for field in reported:childtags("field") do
			if field.attr.var and jid_fields[field.attr.type] then declared[field.attr.var] = true; end
		end
	end
	rename_fields(form, {}, domains, rename);
	for item in form:childtags("item") do rename_fields(item, declared, domains, rename); end
end

local function rename_element(element, xmlns, domains, rename)
	local attr = element.attr;
	for i = 1, #attributes do
		local value = attr[attributes[i]];
		local other = value and renamings.jid(value, domains, rename);
		if other then attr[attributes[i]] = other; end
	end
	local uri = attr.uri and renamings.uri(attr.uri, domains, rename);
	if uri then attr.uri = uri; end
	local kind = texts[xmlns] and texts[xmlns][element.name];
	if kind then rename_text(element, kind, domains, rename); end
	if xmlns == xmlns_form and element.name == "x" then rename_form(element, domains, rename); end
end

-- Renames users of the domains (keys of a table) in a stanza, itself and all that is in it. rename(bare JID) gives the
-- other one, or nil where it stays.
local function rewrite(stanza, domains, rename)
	local content = rawget(stanza, "xmppfed_content"); -- still bytes (xmppfed_stream.lua)
	if content and not may_name(content, domains) then
		rename_element(stanza, stanza.attr.xmlns, domains, rename);
		return;
	end
	-- No recursion: elements may be nested as deep as a stanza is long
	local elements, namespaces, n = { stanza }, { stanza.attr.xmlns }, 1;
	while n > 0 do
		local element, inherited = elements[n], namespaces[n];
		elements[n], namespaces[n], n = nil, nil, n - 1;
		local xmlns = element.attr.xmlns or inherited;
		rename_element(element, xmlns, domains, rename);
		for _, child in ipairs(element.tags) do
			if child.name ~= "body" then
				n = n + 1;
				elements[n], namespaces[n] = child, xmlns;
			end
		end
	end
end

return { rewrite = rewrite, split = split };
