-- An Application in an app of apps: the next sync wave waits until it is healthy and no sync of it runs. What Argo CD
-- reports as its health may be that of an older spec, or of before a sync that has begun since: then it has to wait as
-- well. It need not be Synced: one that is synced by hand would stop the waves for ever.

local function map(value)
  if type(value) == "table" then return value end
  return {}
end

local function text(value)
  if type(value) == "string" then return value end
  return ""
end

local function health(status, message, more)
  if text(more) ~= "" then message = message .. ": " .. more end
  return { status = status, message = message }
end

local spec, status = map(obj.spec), map(obj.status)
local sync, operation = map(status.sync), map(status.operationState)
local phase = text(operation.phase)

local function differs(wanted, compared)
  wanted, compared = map(wanted), map(compared)
  -- Of several sources it is empty.
  if text(compared.repoURL) == "" then return false end
  for _, key in ipairs({ "repoURL", "path", "chart", "targetRevision" }) do
    if text(wanted[key]) ~= text(compared[key]) then return true end
  end
  return false
end

local function is_of_an_older_spec()
  local compared = map(sync.comparedTo)
  if type(spec.sources) ~= "table" then
    return type(spec.source) == "table" and differs(spec.source, compared.source)
  end
  for index, source in pairs(spec.sources) do
    if differs(source, map(compared.sources)[index]) then return true end
  end
  return false
end

if type(obj.operation) == "table" or phase == "Running" or phase == "Terminating" then
  return health("Progressing", "being synced", text(operation.message))
end
local current = map(status.health)
if text(current.status) == "" then
  return health("Progressing", "not yet looked at by Argo CD")
end
if is_of_an_older_spec() then
  return health("Progressing", "its new source is not yet looked at by Argo CD")
end
if (phase == "Failed" or phase == "Error") and sync.status ~= "Synced" then
  return health("Degraded", "the last sync failed", text(operation.message))
end
-- RFC 3339 in UTC: in the order of time.
if text(status.reconciledAt) ~= "" and text(operation.finishedAt) > status.reconciledAt then
  return health("Progressing", "synced, and not yet looked at again by Argo CD")
end
for _, known in ipairs({ "Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown" }) do
  if current.status == known then
    return health(known, "Argo CD reports " .. known, text(current.message))
  end
end
return health("Unknown", "Argo CD reports a health that is not known", current.status)
