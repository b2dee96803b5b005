import pytest

from running import Runner


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)
