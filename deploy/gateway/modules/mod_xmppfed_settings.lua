-- Both roles, global: settings that change while the process runs. They are files of a directory: NAME.json holds the
-- setting NAME, and `revision` says which files belong together. What Kubernetes mounts there it replaces as a whole, by
-- one symbolic link, but from several objects, which it may know of at different times.
--
--   local settings = module:depends("xmppfed_settings");
--   settings.watch("security", function (value, failure) … end);
--
-- Options: xmppfed_settings_directory
--
-- Invariants: what has been taken stays until something better is there: a file that is no JSON, or that its module
-- refuses, changes nothing. Files are taken when they are all of the revision that `revision` names; at the start, as
-- they are. `report().revision` is only ever that of files that have been taken, all of them.

module:set_global();

local datetime = require "prosody.util.datetime".datetime;
local sha256 = require "prosody.util.hashes".sha256;
local json = require "prosody.util.json";
local monotonic = require "prosody.util.time".monotonic;
local files = module:require "xmppfed_directory";

local directory = module:get_option_string("xmppfed_settings_directory");

local check_interval = 1; -- seconds
local settling = 10; -- seconds that files may take until they are all of one revision
local revision_file = "revision";
local fixed_file = ".fixed"; -- names, one a line, files that cannot change while the process runs: they are of no revision here

local watchers = {}; -- setting -> list of callbacks
local values, failures, digests = {}, {}, {}; -- setting -> last good value; why the file as it is now is not used; digest of that file
local used = {}; -- setting -> digest of the file whose value its modules use; nil where there was none yet
local force = {}; -- revision: in force, nil while there is none; since: when it was taken; failure

-- Names of the files in one order, `revision` not among them, and what tells whether any is another than before
local function list()
	local names, stamp = files.list(directory);
	local settings = {};
	for _, name in ipairs(names) do
		if name ~= revision_file then table.insert(settings, name); end
	end
	return settings, stamp;
end

-- What runs in a callback is another module's: its fault must not keep the other settings from being taken
local function call(callback, value, failure)
	local ok, refusal = pcall(callback, value, failure);
	if not ok then module:log("error", "A setting could not be taken over: %s", refusal); end
	return refusal;
end

-- What the file of a setting is now. nil: there is none any more. One that could not be used is tried again with each
-- change: what it was missing may be another file.
local function take(name, text, digest)
	if digests[name] == digest and not failures[name] then return; end
	digests[name], failures[name] = digest, nil;
	local value, err;
	if text then
		value, err = json.decode(text);
		if value == nil then
			failures[name] = ("%s.json is not JSON: %s"):format(name, err or "it is null");
			return;
		end
	end
	values[name] = value;
	for _, callback in ipairs(watchers[name] or {}) do
		local refusal = call(callback, value);
		if refusal then failures[name] = ("%s.json cannot be used: %s"):format(name, refusal); end
	end
	if not failures[name] then used[name] = digest; end
end

-- Takes the files, those of `names`, if they are of the revision that is named, or else if `regardless`. Gives that
-- revision, or nil and why they are not of it.
local function take_all(names, regardless)
	local texts, digests_of, sums, fixed = {}, {}, {}, {};
	for name in (files.read(directory, fixed_file) or ""):gmatch("[^\n]+") do fixed[name] = true; end
	for _, name in ipairs(names) do
		texts[name] = files.read(directory, name) or "";
		digests_of[name] = sha256(texts[name], true);
		if not fixed[name] then table.insert(sums, ("%s  %s\n"):format(digests_of[name], name)); end
	end
	local named = (files.read(directory, revision_file) or ""):match("%S+");
	local found = sha256(table.concat(sums), true):sub(1, 10);
	if found ~= named and not regardless then
		return nil, ("the files are of revision %s, not of %s"):format(found, named or "none, for there is no file "..revision_file);
	end
	local present = {};
	for _, name in ipairs(names) do
		local setting = name:match("^(.+)%.json$");
		if setting then
			present[setting] = true;
			take(setting, texts[name], digests_of[name]);
		end
	end
	for setting in pairs(digests) do
		if not present[setting] then take(setting); end
	end
	return found == named and named or nil;
end

local function first_failure()
	local names = {};
	for name in pairs(failures) do table.insert(names, name); end
	table.sort(names);
	return failures[names[1]];
end

local function tell(failure)
	if failure and failure ~= force.failure then
		module:log("error", "Settings in %s: %s%s", directory, failure, force.revision and ". The ones before are in force" or "");
	end
	force.failure = failure;
end

local seen, unsettled_since;

local function check(regardless)
	local listed, names, stamp = pcall(list);
	if not listed then
		tell(("they cannot be listed: %s"):format(names));
	elseif stamp ~= seen or unsettled_since then
		seen = stamp;
		local revision, mismatch = take_all(names, regardless);
		if not revision then unsettled_since = unsettled_since or monotonic(); else unsettled_since = nil; end
		-- After each change the files are of two revisions for a moment
		local settled = unsettled_since and monotonic() - unsettled_since >= settling;
		tell(first_failure() or settled and mismatch or not revision and force.failure or nil);
		if revision and not force.failure and revision ~= force.revision then
			if force.since then module:log("info", "Settings of revision %s are in force", revision); end
			force.revision, force.since = revision, datetime();
		end
	end
	return check_interval;
end

check(true);
module:add_timer(check_interval, function () return check(false); end);

-- callback(value, failure) is called at once and with each other value that can be read; value is nil where there is no
-- such file. failure is said only at once: the file was there and never yet good. What callback gives back, if anything,
-- is why the value cannot be used: it is reported, and the module goes on with what it had.
function watch(name, callback)
	watchers[name] = watchers[name] or {};
	table.insert(watchers[name], callback);
	local refusal = call(callback, values[name], values[name] == nil and failures[name] or nil);
	if refusal then failures[name], used[name] = ("%s.json cannot be used: %s"):format(name, refusal), nil; end
end

-- For the status. `used`: SHA-256 of the file of each setting that is in use
function report()
	local failure = first_failure();
	return {
		revision = not failure and force.revision or nil, failure = failure or force.failure, since = force.since;
		used = used;
	};
end
