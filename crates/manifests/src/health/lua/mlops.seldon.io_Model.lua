-- Seldon Core 2. The operator passes over reports on older generations of the model.

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

-- The state of the scheduler is the message; older operators have it as the reason.
local function is_one_of(entry, states)
  for _, state in pairs(states) do
    if entry.reason == state or entry.message == state then return true end
  end
  return false
end

local ready = condition("ModelReady")
if ready.status == "True" then return health("Healthy", "ready", ready) end
if ready.status ~= "False" then return health("Progressing", "not scheduled yet", ready) end
if is_one_of(ready, { "ModelFailed", "ScheduleFailed", "ModelTerminateFailed" }) then
  return health("Degraded", "failed", ready)
end
if is_one_of(ready, { "ModelScaledDown" }) then return health("Suspended", "scaled down", ready) end
return health("Progressing", "not ready", ready)
