import pytest

from vega_core.registry import Registry, RegistryError


class Known:
    pass


def test_members_come_by_name_in_order():
    registry: Registry[object] = Registry("fruit")
    pear = registry.register("pear", object())
    registry.register_lazily("clock", "time:monotonic_ns")
    assert registry.get("pear") is pear
    assert registry.get("clock")() > 0
    assert registry.names() == tuple(registry) == ("pear", "clock")
    assert [name for name, _ in registry.items()] == ["pear", "clock"]
    assert len(registry) == 2
    assert "pear" in registry


def test_an_unknown_name_lists_the_known_ones():
    registry: Registry[int] = Registry("fruit")
    with pytest.raises(RegistryError, match="unknown fruit 'fig'; there are: none"):
        registry.get("fig")
    registry.register("pear", 1)
    registry.register("plum", 2)
    with pytest.raises(RegistryError, match="unknown fruit 'fig'; there are: pear, plum"):
        registry.get("fig")


def test_a_name_given_twice_names_both():
    registry: Registry[object] = Registry("fruit", error=KeyError)
    registry.register_lazily("pear", "somewhere.else:Pear")
    with pytest.raises(KeyError, match=r"somewhere.else:Pear and .*test_registry:Known"):
        registry.register("pear", Known)
    registry.unregister("pear")
    registry.register("pear", Known)
    assert registry.get("pear") is Known


def test_only_a_member_can_be_taken_out():
    registry: Registry[int] = Registry("fruit")
    with pytest.raises(RegistryError, match="unknown fruit"):
        registry.unregister("pear")
