//! Lua as Argo CD runs health checks (its util/lua/lua.go): the base library, `table`, `package`, and of `os` what is
//! safe, by `require`. Argo CD's own interpreter is of the same version, 5.1.

use mlua::{HookTriggers, Lua, LuaOptions, StdLib, Table, Value as LuaValue, VmState};
use serde_json::Value;

/// Argo CD stops a check after one second, in which it does many times more. A limit on time would make the tests
/// depend on the machine.
const INSTRUCTIONS: u32 = 20_000;

/// Statuses that Argo CD knows.
const STATUSES: [&str; 6] = ["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"];

/// What a check says of an object: status and message.
pub(crate) fn run(check: &str, object: &Value) -> Result<(String, String), String> {
    evaluate(check, object).map_err(|error| error.to_string())
}

fn evaluate(check: &str, object: &Value) -> mlua::Result<(String, String)> {
    let lua = Lua::new_with(StdLib::TABLE | StdLib::PACKAGE, LuaOptions::default())?;
    let globals = lua.globals();
    // Part of the base library here, and a library of its own there.
    globals.set("coroutine", LuaValue::Nil)?;
    let os = lua.create_table()?;
    os.set("time", lua.create_function(|_, _: Option<Table>| Ok(1_700_000_000))?)?;
    os.set("date", lua.create_function(|_, _: Option<String>| Ok("14 Nov 23 22:13 UTC"))?)?;
    let preload: Table = globals.get::<Table>("package")?.get("preload")?;
    preload.set("os", lua.create_function(move |_, ()| Ok(os.clone()))?)?;
    globals.set("obj", to_lua(&lua, object)?)?;
    let triggers = HookTriggers::new().every_nth_instruction(INSTRUCTIONS);
    lua.set_hook(triggers, |_, _| -> mlua::Result<VmState> {
        Err(mlua::Error::runtime("it takes longer than allowed"))
    })?;
    let result: Table = lua.load(check).eval()?;
    let health: (String, String) = (result.get("status")?, result.get("message")?);
    match STATUSES.contains(&health.0.as_str()) {
        true => Ok(health),
        false => Err(mlua::Error::runtime(format!("{} is no status", health.0))),
    }
}

/// As Argo CD hands an object over: all numbers are of one type, and what is null is not there.
fn to_lua(lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
    Ok(match value {
        Value::Null => LuaValue::Nil,
        Value::Bool(value) => LuaValue::Boolean(*value),
        Value::Number(number) => LuaValue::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) => LuaValue::String(lua.create_string(text)?),
        Value::Array(items) => {
            let table = lua.create_table()?;
            for (index, item) in items.iter().enumerate() {
                table.raw_set(index + 1, to_lua(lua, item)?)?;
            }
            LuaValue::Table(table)
        }
        Value::Object(map) => {
            let table = lua.create_table()?;
            for (key, item) in map {
                table.raw_set(key.as_str(), to_lua(lua, item)?)?;
            }
            LuaValue::Table(table)
        }
    })
}
