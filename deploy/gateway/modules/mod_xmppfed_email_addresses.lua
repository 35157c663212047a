-- Router, global: users are known outside by their email addresses (R13). What goes to a link is written with addresses
-- (to_outside), what comes from one with the users' own names; all between is of the inside, errors that this process
-- makes as well. What does not cross that border is not looked at.
--
-- Options:
--   xmppfed_email_addresses_directory (string)  files of the mapping: `index.json` is { digests: [SHA-256...],
--                                   mappings: NUMBER }, and the files `0`, `1`, ... have those digests, in that order
--                                   (xmppfed_email_mapping.lib.lua says what is in them)
--   xmppfed_upstreams (table)       its keys are the local domains; alias: it is one of a chat node, whose users are rooms
--
-- Setting `email-addresses` (mod_xmppfed_settings): { unmappedUsers: "Refuse" | "PassThrough" }
--
-- |                             | Refuse                            | PassThrough                             |
-- |-----------------------------|-----------------------------------|-----------------------------------------|
-- | sent by an unmapped user    | refused                           | passes                                  |
-- | ... who has another's address as name | refused                 | refused, but for errors                 |
-- | sent to an unmapped user    | nobody is there                   | passes                                  |
-- | sent to a user's own name   | nobody is there                   | the internal server says: nobody        |
--
-- That is about domains that have a user or an address of the mapping: in others, such as those of rooms, who is in front
-- of the @ is no user. While the mapping is empty it is about all local domains.
--
-- Invariants: a mapping is taken over whole, when all of its files are there, or not at all: the one before holds. Until
-- there has been one nothing passes that is from or to anybody of a local domain; it is answered with errors of type
-- wait, and nothing that would end a subscription.

module:set_global();

local datetime = require "prosody.util.datetime".datetime;
local sha256 = require "prosody.util.hashes".sha256;
local jid = require "prosody.util.jid";
local json = require "prosody.util.json";
local st = require "prosody.util.stanza";
local monotonic = require "prosody.util.time".monotonic;
local add_task = require "prosody.util.timer".add_task;
local files = module:require "xmppfed_directory";
local new_mapping = module:require "xmppfed_email_mapping".new;
local renaming = module:require "xmppfed_email_rewrite";
local links = module:depends("xmppfed_links");
local settings = module:depends("xmppfed_settings");

local directory = module:get_option_string("xmppfed_email_addresses_directory");

local index_file = "index.json";
local check_interval = 1; -- seconds
local settling = 5; -- seconds that files may take until they are all of one mapping
local lines_at_once = 2000; -- some milliseconds

local local_domains = {};
for domain, upstream in pairs(module:get_option("xmppfed_upstreams", {})) do
	if not upstream.alias then local_domains[domain] = true; end
end

local unmapped_users = "Refuse";
local mapping, digest, since; -- in force; nil until there was one
refused = { AddressOfAnother = 0, NoMapping = 0, UnknownAddress = 0, UnmappedUser = 0 }; -- stanzas, for the metrics

settings.watch("email-addresses", function (value, unreadable)
	if unreadable then return unreadable; end
	local wanted = type(value) == "table" and value.unmappedUsers;
	if wanted ~= "Refuse" and wanted ~= "PassThrough" then return "unmappedUsers is neither Refuse nor PassThrough"; end
	unmapped_users = wanted;
end);

-- THE MAPPING --------------------------------------------------------------------------------------------------------

local reading; -- the mapping that is being read
local seen; -- what the directory was when it was last looked at
local problem; -- why there is no newer one: { why, since, told }

local function fail(why)
	reading = nil;
	if not problem or problem.why ~= why then problem = { why = why, since = monotonic() }; end
end

-- Files are of two mappings for a moment when it changes
local function failure()
	if problem and (not mapping or monotonic() - problem.since >= settling) then return problem.why; end
end

-- Reads a piece and says whether there is more
local function read_piece(wanted)
	if not wanted.text then
		local place = wanted.place + 1;
		if place > #wanted.digests then return false; end
		local text = files.read(directory, tostring(place - 1));
		if not text then return false, ("file %d is missing"):format(place - 1); end
		if sha256(text, true) ~= wanted.digests[place] then return false, ("file %d is of another mapping"):format(place - 1); end
		wanted.text, wanted.from, wanted.place = text, 1, place;
		return true;
	end
	local why;
	wanted.from, why = wanted.mapping:add(wanted.text, wanted.from, lines_at_once);
	if why then return false, ("file %d: %s"):format(wanted.place - 1, why); end
	if not wanted.from then wanted.text = nil; end
	return true;
end

local function finish(wanted, why)
	if not why and wanted.mapping.count ~= wanted.mappings then
		why = ("its files have %d mappings, not %d"):format(wanted.mapping.count, wanted.mappings);
	end
	if why then return fail(why); end
	mapping, digest, since = wanted.mapping, wanted.digest, datetime();
	reading, problem = nil, nil;
	module:log("info", "Mapping %s is in force: %d email addresses", digest, mapping.count);
end

local function read_index()
	local text = files.read(directory, index_file);
	if not text then return nil, ("%s is missing"):format(index_file); end
	local index = json.decode(text);
	if type(index) ~= "table" or type(index.digests) ~= "table" or type(index.mappings) ~= "number" then
		return nil, ("%s is not one of this version"):format(index_file);
	end
	return {
		digest = sha256(text, true):sub(1, 10), digests = index.digests, mappings = index.mappings;
		mapping = new_mapping(local_domains), place = 0;
	};
end

-- At the start, when nobody is served yet, in one piece
local function read_mapping(in_one_piece)
	local wanted, why = read_index();
	if not wanted then return fail(why); end
	if wanted.digest == digest then
		reading, problem = nil, nil;
		return;
	end
	reading = wanted;
	local function go_on()
		if reading ~= wanted then return nil; end -- another one has come
		local more, err = read_piece(wanted);
		if more then return 0; end
		finish(wanted, err);
		return nil;
	end
	if not in_one_piece then return add_task(0, go_on); end
	while go_on() do end
end

local function check(in_one_piece)
	local listed, names, stamp = pcall(files.list, directory);
	if not listed then
		fail(("it cannot be listed: %s"):format(names));
	elseif stamp ~= seen then
		seen = stamp;
		read_mapping(in_one_piece);
	end
	local why = failure();
	if why and not problem.told then
		problem.told = true;
		module:log("error", "Email addresses in %s: %s. %s", directory, why,
			mapping and "Those before are in force" or "Until there are some nothing passes from or to users");
	end
	return check_interval;
end

check(true);
module:add_timer(check_interval, function () return check(false); end);

-- STANZAS ------------------------------------------------------------------------------------------------------------

local function refuse(reason, kind, condition, text, ...)
	refused[reason] = refused[reason] + 1;
	return { type = kind, condition = condition, text = text:format(...) };
end

local function no_mapping()
	return refuse("NoMapping", "wait", "internal-server-error", "The email addresses of this server's users are not known at the moment");
end

-- Domains of which is said who may pass
local function concerned()
	return mapping and mapping.count > 0 and mapping.domains or local_domains;
end

-- Why a stanza of somebody may not go out; nil where it may
local function objection(user, stanza)
	if not mapping then return no_mapping(); end
	if mapping.address_of[user] then return nil; end
	local other = mapping:user_by_address_alone(user);
	if other and (unmapped_users == "Refuse" or stanza.attr.type ~= "error") then
		return refuse("AddressOfAnother", "auth", "forbidden",
			"%s is the email address of %s: a user who has another's address as name cannot reach other servers", user, other);
	end
	if unmapped_users == "PassThrough" then return nil; end
	return refuse("UnmappedUser", "auth", "forbidden",
		"%s has no email address, and other servers know users of this one by their email addresses only", user);
end

-- Writes a stanza of the inside as it is outside. Gives nil, or why it may not go out: type, condition and text of the
-- error for its sender. Either way it is no longer what it was.
function to_outside(stanza)
	local attr = stanza.attr;
	local user = renaming.split(attr.from, concerned());
	local why = user and objection(user, stanza);
	if why or not mapping then return why or nil; end
	local is_told = user and stanza.name ~= "presence" and attr.type ~= "error" and attr.type ~= "result";
	local misnamed; -- an address that the sender takes for somebody's name
	renaming.rewrite(stanza, mapping.domains, function (name)
		if is_told and mapping:user_by_address_alone(name) then misnamed = name; end
		return mapping:outside(name);
	end);
	return misnamed and refuse("AddressOfAnother", "modify", "not-acceptable",
		"%s is an email address: on this server that user is %s", misnamed, mapping.user_of[misnamed]) or nil;
end

-- Answers as a server does for a user that it does not have. The same for everybody who has no address: nobody can find
-- out which names there are.
local function answer_for_nobody(stanza)
	local attr = stanza.attr;
	local reply;
	if stanza.name ~= "presence" then
		reply = st.error_reply(stanza, "cancel", "service-unavailable", "Nobody has this address here");
	elseif attr.type == "subscribe" or attr.type == "probe" then
		reply = st.presence { from = jid.bare(attr.to), to = jid.bare(attr.from), id = attr.id, type = "unsubscribed" };
	end
	refused.UnknownAddress = refused.UnknownAddress + 1;
	return reply;
end

-- What a stanza from outside is answered that nobody takes. Second: whether it is so
local function answer(stanza)
	local attr = stanza.attr;
	local user = renaming.split(attr.to, concerned());
	if not user then return nil, false; end
	local may_be_answered = attr.type ~= "error" and attr.type ~= "result";
	if not mapping then
		local why = no_mapping();
		local reply = may_be_answered and stanza.name ~= "presence" and st.error_reply(stanza, why.type, why.condition, why.text);
		return reply, true;
	end
	if unmapped_users == "PassThrough" or mapping.user_of[user] then return nil, false; end
	local reply = answer_for_nobody(stanza);
	return may_be_answered and reply, true;
end

module:hook("xmppfed-from-outside", function (event)
	local stanza = event.stanza;
	local reply, is_for_nobody = answer(stanza);
	if is_for_nobody then
		if reply then links.send(jid.host(stanza.attr.to), jid.host(stanza.attr.from), tostring(reply), reply); end
		return true;
	end
	if mapping then
		renaming.rewrite(stanza, mapping.domains, function (name) return mapping:inside(name); end);
	end
end, 10); -- before mod_xmppfed_relay

-- For the status
function report()
	return { digest = digest, mappings = mapping and mapping.count or 0, unmappedUsers = unmapped_users, since = since, failure = failure() };
end
