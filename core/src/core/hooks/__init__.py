"""The hooks that come with core, and how any object becomes one."""
