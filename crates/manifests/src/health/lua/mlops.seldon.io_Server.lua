-- Seldon Core 2. Its operator gives one reason while pods are missing; any other is an error of its own.

local function text(value)
  if type(value) == "string" then return value end
  return ""
end

local status = type(obj.status) == "table" and obj.status or {}
local conditions = type(status.conditions) == "table" and status.conditions or {}

local function condition(name)
  for _, entry in pairs(conditions) do
    if type(entry) == "table" and entry.type == name then return entry end
  end
  return {}
end

local function health(as, message, from)
  for _, more in ipairs({ text(from and from.reason), text(from and from.message) }) do
    if more ~= "" then message = message .. ": " .. more end
  end
  return { status = as, message = message }
end

local ready = condition("StatefulSetReady")
if ready.status == "True" then return health("Healthy", "ready") end
if ready.status ~= "False" then return health("Progressing", "not deployed yet", ready) end
local reason = text(ready.reason)
if reason == "" or reason == "StatefulSet replicas does not match desired replicas" then
  return health("Progressing", "not ready", ready)
end
return health("Degraded", "its operator reports an error", ready)
